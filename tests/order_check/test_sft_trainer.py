"""TRL's `SFTTrainer`, run for real: which settings keep the order, and that others are caught.

What came is read off the model's `input_ids`, not off the checker.
"""

from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

from tests.order_check.tiny import ON_CPU, ROWS, Rows, Seen, make_model, make_tokenizer
from tma_prep.errors import OrderError
from tma_prep.order_check import attach
from tma_prep.shards.reader import open_shards
from tma_prep.trainers.consumed import compare

pytestmark = pytest.mark.slow

IN_ORDER = list(range(ROWS))


def make_trainer(folder: Path, rows: Rows, **settings: Any) -> Trainer:  # noqa: ANN401
    """A trainer of the shards' own rows; sequential and of one epoch unless told otherwise."""
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    given = {
        "max_length": 32,
        "per_device_train_batch_size": 4,
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
    }
    trainer: Trainer = SFTTrainer(
        model=make_model(),
        args=SFTConfig(str(folder / "out"), **ON_CPU | given | settings),
        train_dataset=rows.rename_column("response", "completion"),
        eval_dataset=rows.rename_column("response", "completion").take(6),
        processing_class=make_tokenizer(),
    )
    return trainer


def train(trainer: Trainer, shards: Path) -> list[int]:
    """Train, and say which rows the model saw, by their first words."""
    seen = Seen(shards)
    assert trainer.model is not None
    with seen.by(trainer.model):
        trainer.train()
    return seen.positions


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"gradient_accumulation_steps": 3, "eval_strategy": "steps", "eval_steps": 2},
        {"dataloader_num_workers": 2},
        {"completion_only_loss": False},
        {"label_smoothing_factor": 0.1},
        {"padding_free": True, "max_length": None},
        {"remove_unused_columns": False},
    ],
    ids=lambda settings: "+".join(settings) or "plain",
)
def test_sequential_without_packing_keeps_the_order(
    tmp_path: Path, shards: Path, rows: Rows, settings: dict[str, Any]
) -> None:
    """And the checker proves it."""
    trainer = make_trainer(tmp_path, rows, **settings)
    attach(trainer, shards, tmp_path / "log")
    assert train(trainer, shards) == IN_ORDER
    found = compare(tmp_path / "log", open_shards(shards))
    assert found.findings == []
    assert found.facts.whole


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        # It is what people try first; it is off by default, and the sampler shuffles none the less.
        ({"train_sampling_strategy": "random", "shuffle_dataset": False}, False),
        ({"shuffle_dataset": True}, False),
        ({"packing": True}, False),
        ({"packing": True, "packing_strategy": "bfd_split"}, False),
        ({"packing": True, "packing_strategy": "wrapped"}, True),
        (
            {"packing": True, "packing_strategy": "wrapped", "train_sampling_strategy": "random"},
            False,
        ),
    ],
)
def test_what_other_settings_do_and_that_they_are_caught(
    tmp_path: Path, shards: Path, rows: Rows, settings: dict[str, Any], kept: bool
) -> None:
    """Wrapped packing keeps the order as long as the sampler does, and can give no proof of it."""
    seen = train(make_trainer(tmp_path, rows, **settings), shards)
    assert sorted(seen) == IN_ORDER
    assert (seen == IN_ORDER) == kept

    trainer = make_trainer(tmp_path, rows, **settings)
    with pytest.raises(OrderError) as caught:
        attach(trainer, shards)
        trainer.train()
    told = str(caught.value)
    if "packing" not in settings:
        shuffled = "shuffle_dataset" in settings and settings["shuffle_dataset"]
        assert ("the dataset is shuffled" if shuffled else "random sampler") in told
        assert "shuffle_dataset" in told
    elif settings.get("packing_strategy") == "wrapped":
        assert 'packing_strategy="wrapped" cuts rows in two, though it keeps their order' in told
    else:
        assert "sorts rows by length: set packing=False" in told


def test_streamed_and_packed_is_caught_at_the_first_step(tmp_path: Path, shards: Path) -> None:
    """The columns of a stream are not known before."""
    import datasets

    stream = datasets.load_dataset(
        "parquet", data_files=f"{shards}/*.parquet", split="train", streaming=True
    )
    trainer = make_trainer(tmp_path, stream, max_steps=4, packing=True)
    with pytest.raises(OrderError, match="SFTTrainer's packing takes tma_position away"):
        attach(trainer, shards)
        trainer.train()


def test_a_row_that_sft_drops_is_caught(tmp_path: Path, shards: Path, rows: Rows) -> None:
    """It leaves out rows whose prompt alone fills `max_length`."""
    trainer = make_trainer(tmp_path, rows, max_length=8)
    seen = train(trainer, shards)
    assert 0 < len(seen) < ROWS
    assert seen == sorted(seen)
    trainer = make_trainer(tmp_path, rows, max_length=8)
    attach(trainer, shards)
    first = next(n for n in IN_ORDER if n not in seen)
    with pytest.raises(OrderError, match=f"tma_position {first} was .*SFTTrainer drops a row"):
        trainer.train()


def test_rows_packed_in_order_beforehand_are_proven(
    tmp_path: Path, shards: Path, rows: Rows
) -> None:
    """A feature is then several rows, with a list of positions, and SFTTrainer packs no more."""
    from datasets import Dataset

    tokenizer = make_tokenizer()
    packs: list[dict[str, list[int]]] = []
    for row in rows:
        ids = tokenizer(f"{row['prompt']} {row['response']} </s>")["input_ids"]
        if not packs or len(packs[-1]["input_ids"]) + len(ids) > 48:
            packs.append({"input_ids": [], "labels": [], "seq_lengths": [], "tma_position": []})
        packs[-1]["input_ids"] += ids
        packs[-1]["labels"] += ids
        packs[-1]["seq_lengths"].append(len(ids))
        packs[-1]["tma_position"].append(row["tma_position"])
    for order, expected in ((packs, True), (packs[::-1], False)):
        trainer = _of_packs(tmp_path, Dataset.from_list(order))
        attach(trainer, shards, tmp_path / f"log-{expected}")
        if expected:
            assert train(trainer, shards) == IN_ORDER
            assert compare(tmp_path / "log-True", open_shards(shards)).facts.whole
        else:
            with pytest.raises(OrderError, match=r"packing sorts rows by length"):
                trainer.train()


def _of_packs(folder: Path, packs: Rows) -> Trainer:
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    trainer: Trainer = SFTTrainer(
        model=make_model(),
        args=SFTConfig(
            str(folder / "out"),
            **ON_CPU,
            padding_free=True,
            max_length=None,
            per_device_train_batch_size=1,
            num_train_epochs=1,
            train_sampling_strategy="sequential",
        ),
        train_dataset=packs,
        processing_class=make_tokenizer(),
    )
    return trainer
