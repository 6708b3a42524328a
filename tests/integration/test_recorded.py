"""A workspace made again from its manifests alone: every byte of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError
from tma_prep.options import ArrangeOptions, EmbedOptions, RunOptions
from tma_prep.recipe import read_recipe, run_recipe
from tma_prep.recipe_writer import recorded_recipe
from tma_prep.workspace import Workspace

# Each with options that the others lack; together they write every kind of order.
ARRANGED: list[dict[str, object]] = [
    {"orders": ["nft", "rt", "fft"], "seed": 3, "within_round": "shuffle"},
    {"orders": ["round-robin"], "rows_per_shard": 7},
    {"name": "tokens", "budget": "60tok", "select": "farthest"},
    {"name": "both", "budget": "20", "select": "both-ends", "orders": ["nft", "fft"]},
    {"name": "window", "rounds": "1:3", "shards": False},
    {"name": "tasks", "ranking": "wsd", "granularity": "task", "orders": ["cluster"]},
    {"name": "cells", "ranking": "max", "granularity": "kmeans:4", "seed": 2},
    {"name": "few", "tests_per_task": 1, "seed": 5},
    {"name": "clean", "leakage": "exclude", "leak_ngrams": "any", "target_role": "validation"},
    {"name": "half", "target_fraction": 0.5, "seed": 9},
    {"name": "polar", "per_task": "5:polar", "shuffle_after": 0.5},
]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Embedded by given vectors from two files, one bad row left out; arranged in many ways."""
    draw = np.random.default_rng(0)
    for name, count in (("a", 40), ("b", 23), ("test", 8)):
        rows = [
            {
                "prompt": f"{name} " * (1 + n % 4) + str(n),
                "response": "r",
                "kind": f"t{n % 3}",
                "v": draw.standard_normal(6).tolist(),
            }
            for n in range(count)
        ]
        if name == "b":
            rows[4]["prompt"] = ""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("a", "b", "test")}
    options = EmbedOptions(
        train=[files["b"], files["a"]],
        test=[files["test"]],
        out=tmp_path / "work",
        vectors_column="v",
        task_column="kind",
        text="prompt",
        on_bad_row="skip",
        rows_per_part=16,
    )
    embed(options)
    for each in ARRANGED:
        arrange(ArrangeOptions.model_validate({"work": options.out, **each}))
    return options.out


def bytes_of(work: Path) -> dict[str, bytes]:
    """Every file of a workspace but its lock."""
    found = (path for path in work.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(work)): path.read_bytes() for path in found}


def test_a_workspace_is_made_again(work: Path, tmp_path: Path) -> None:
    """In another folder every byte, manifests and all; in its own everything is kept."""
    file = tmp_path / "tma.toml"
    text = recorded_recipe(work, file)
    assert str(tmp_path) not in text, "an absolute path of what lies below the file"
    file.write_text(text)
    made = bytes_of(work)
    kept = run_recipe(read_recipe(RunOptions(file=file)))
    assert kept.embed is not None and kept.embed.train.kept and kept.embed.test.kept
    assert all(order.kept for part in kept.arrange for order in part.orders)
    assert bytes_of(work) == made

    file.write_text(text.replace('out = "work"', 'out = "again"'))
    run_recipe(read_recipe(RunOptions(file=file)))
    assert bytes_of(tmp_path / "again") == made


def test_another_tokenizer_of_the_same_name(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are recorded, so that what it counted is not taken for what another counts."""
    monkeypatch.chdir(tmp_path)
    words = {"a": 0, "b": 1, "[UNK]": 2}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save("t.json")
    options = ArrangeOptions(work=work, name="counted", budget="50tok", tokenizer=Path("t.json"))
    arrange(options)
    file = tmp_path / "tma.toml"
    file.write_text(recorded_recipe(work, file))
    assert all(
        order.kept
        for part in run_recipe(read_recipe(RunOptions(file=file))).arrange
        for order in part.orders
    )
    Tokenizer(WordLevel(words, unk_token="[UNK]")).save("t.json")
    with pytest.raises(ArtifactError, match="budget-tokenizer-sha256 was "):
        arrange(options)


def test_it_says_what_the_inputs_were(work: Path, tmp_path: Path) -> None:
    """With their digests, for a person to compare; the orders that were made alike together."""
    text = recorded_recipe(work, tmp_path / "tma.toml")
    assert "# train: b.jsonl: 23 rows, SHA-256 " in text
    assert 'train = ["b.jsonl", "a.jsonl"]' in text
    assert 'order = ["fft", "nft", "rt"]' in text
    elsewhere = recorded_recipe(work, tmp_path / "deep" / "tma.toml")
    assert f'out = "{work}"' in elsewhere


def test_what_is_out_of_date_is_left_out(work: Path, tmp_path: Path) -> None:
    """And named: it was made from embeddings that are gone."""
    shutil.copytree(work / "orders", tmp_path / "orders")
    options = EmbedOptions(
        train=[str(tmp_path / "a.jsonl")],
        test=[str(tmp_path / "test.jsonl")],
        out=work,
        vectors_column="v",
        overwrite=True,
    )
    embed(options)
    text = recorded_recipe(work, tmp_path / "tma.toml")
    assert "# Left out: order nft, made from other embeddings." in text
    assert "[[arrange]]" not in text


def test_sides_that_one_recipe_cannot_say(work: Path, tmp_path: Path) -> None:
    """Refused with the option in question."""
    path = Workspace(work).embeddings("test").folder / "manifest.json"
    path.write_text(path.read_text().replace('"rows_per_part": 16', '"rows_per_part": 17'))
    with pytest.raises(ArtifactError, match="with another rows-per-part \\(16 against 17\\)"):
        recorded_recipe(work, tmp_path / "tma.toml")


def test_every_option_that_bears_on_bytes_is_recorded(work: Path) -> None:
    """A new option goes into the manifest, or into this list: it changes no byte."""
    where = {"work", "out", "name", "overwrite", "device", "engine", "memory_budget"}
    # The inputs stand in the manifest of embeddings by themselves, the order in that of shards.
    # Those of the tests stand in the manifests of the tests.
    of_tests = {"test_format", "test_columns", "test_exchange"}
    embedding = where | {"train", "test", "update"} | of_tests
    of_rows = json.loads((work / "rows/train/manifest.json").read_text())["config"].keys()
    arranging = where | {"orders", "shards", "shards_to"}
    for fields, without, path in (
        (EmbedOptions.model_fields, embedding | of_rows, "embeddings/train/manifest.json"),
        (ArrangeOptions.model_fields, arranging, "shards/nft/manifest.json"),
    ):
        recorded = json.loads((work / path).read_text())["config"].keys()
        assert fields.keys() - recorded <= without
