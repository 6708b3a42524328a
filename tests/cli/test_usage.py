"""Exit codes and messages: 2 for wrong usage, 1 for anything else, always one line on stderr."""

import os
import re
from pathlib import Path

import pytest

from tests.cli.terminal import Run
from tma_prep.options import EmbedOptions

WRONG_USAGE: dict[str, tuple[list[str], str]] = {
    "unknown command": (["nonsense"], "No such command 'nonsense'"),
    "unknown option": (["arrange", "w", "--nonsense"], "No such option: --nonsense"),
    "unknown option of the program": (["--nonsense", "embed"], "No such option: --nonsense"),
    "missing option": (["embed"], "Missing option '--train'"),
    "missing argument": (["arrange"], "Missing argument 'WORK'"),
    "one argument too many": (["arrange", "w", "x"], "unexpected extra argument"),
    "unknown choice": (
        ["arrange", "w", "--within-round", "size"],
        "--within-round 'size': it must be 'similarity', 'index' or 'shuffle'",
    ),
    "not a number": (["arrange", "w", "--seed", "x"], "--seed 'x': it must be a valid integer"),
    "unknown order": (
        ["arrange", "{work}", "--order", "best"],
        "--order best is not known; it is one of nft, fft, rt",
    ),
    "order twice": (
        ["arrange", "{work}", "--order", "rt", "--order", "rt"],
        "an --order is named twice; name each once",
    ),
    "negative seed": (
        ["arrange", "{work}", "--seed", "-1"],
        "--seed '-1': .*greater than or",
    ),
    "no rows a shard": (["arrange", "{work}", "--rows-per-shard", "0"], "--rows-per-shard '0': "),
    "name with a path": (["arrange", "{work}", "--name", "../x"], r"--name '\.\./x': "),
    "empty name": (["arrange", "{work}", "--name", ""], "--name '': "),
    "order with a path": (["train-check", "{work}", "--order", "../x"], r"--order '\.\./x': "),
    "workspace on a server": (
        ["arrange", "s3://bucket/work"],
        "WORK .*must be a folder of this machine",
    ),
    "no steps": (["train-check", "{work}", "--steps", "0"], "--steps '0': "),
    "learning rate": (["train-check", "{work}", "--learning-rate", "0"], "--learning-rate '0': "),
    "vocabulary": (["train-check", "{work}", "--vocabulary", "1"], "--vocabulary '1': "),
}

WRONG_EMBED: dict[str, tuple[list[str], str]] = {
    "batch tokens": (["--batch-tokens", "0"], "--batch-tokens '0': .*greater than or equal to 1"),
    "no process": (["--device", "cpu:0"], "--device 'cpu:0': must be auto, cpu, mps, cuda, cuda:1"),
    "a device twice": (["--device", "0,1,0"], "--device '0,1,0': names a device twice"),
    "update of vectors": (["--update"], "--update takes over what a model made, and --vectors-c"),
    "plan of vectors": (["--plan"], "--plan judges the work of a model, and --vectors-column"),
    "max length": (["--max-length", "1"], "--max-length '1': "),
    "rows a part": (["--rows-per-part", "0"], "--rows-per-part '0': "),
    "device": (["--device", "tpu"], "--device 'tpu': "),
    "format": (["--format", "alpacca"], "--format alpacca is not known; it is one of messages"),
    "choice": (["--text", "all"], "--text 'all': it must be 'both', 'prompt' or"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
def test_wrong_usage(run: Run, work: Path, case: str) -> None:
    """Exit code 2, the option as it was typed, and nothing on stdout."""
    arguments, message = WRONG_USAGE[case]
    result = run(*(argument.format(work=work) for argument in arguments))
    assert result.code == 2
    assert re.search(message, result.error)
    assert "Value error" not in result.error


@pytest.mark.parametrize("case", WRONG_EMBED)
def test_wrong_usage_of_embed(embed: Run, tmp_path: Path, case: str) -> None:
    """The same, and no embeddings are begun."""
    arguments, message = WRONG_EMBED[case]
    result = embed(*arguments)
    assert result.code == 2
    assert re.search(message, result.error)
    assert not (tmp_path / "work" / "embeddings").exists()


def test_a_missing_workspace(run: Run, tmp_path: Path) -> None:
    """Both commands that need one say how to make it, and make nothing."""
    for command in ("arrange", "train-check"):
        result = run(command, tmp_path / "none", "--json")
        assert result.code == 1
        assert result.error.endswith("none: no such workspace; run tma-prep embed first")
    assert not (tmp_path / "none").exists()


def test_an_empty_workspace(run: Run, tmp_path: Path) -> None:
    """The message says what is not there yet, and a folder of somebody else stays as it is."""
    (tmp_path / "w").mkdir()
    for command in ("arrange", "train-check"):
        result = run(command, tmp_path / "w")
        assert result.code == 1
        assert "is not a workspace (it holds no embeddings)" in result.error
    assert not list((tmp_path / "w").iterdir())


def test_a_missing_input(run: Run, tmp_path: Path) -> None:
    """The path as it was given."""
    result = run("embed", "--train", "none.jsonl", "--test", "none", "--out", tmp_path / "w")
    assert result.code == 1
    assert result.error == "none: no such file or folder; check the path"


def test_a_bad_row(embed: Run, tmp_path: Path) -> None:
    """File and row, no traceback."""
    with (tmp_path / "train.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"prompt": null, "response": "r", "v": [1, 1, 1]}\n')
    result = embed()
    assert result.code == 1
    assert result.error.endswith("train.jsonl line 13: `prompt` is null; it must be text")
    assert embed("--on-bad-row", "skip", "--overwrite", "--json").json["train"]["skipped_rows"] == 1


def test_a_file_in_place_of_a_workspace(embed: Run, run: Run, tmp_path: Path) -> None:
    """Named as such by every command, and left as it was."""
    path = tmp_path / "w"
    path.write_text("mine")
    for result in (embed(out=path), run("arrange", path), run("train-check", path)):
        assert result.code == 1
        assert result.error.endswith("w: is a file; name a folder for the workspace")
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_made(embed: Run, tmp_path: Path) -> None:
    """Below a file."""
    result = embed(out=tmp_path / "train.jsonl" / "w")
    assert result.code == 1
    assert re.search(r"w: cannot be written \(Not a directory\); choose another", result.error)


def test_a_folder_that_cannot_be_written(embed: Run, tmp_path: Path) -> None:
    """Its rights forbid it."""
    if os.geteuid() == 0:
        pytest.skip("root writes wherever it likes")
    (tmp_path / "w").mkdir(mode=0o500)
    result = embed(out=tmp_path / "w")
    assert result.code == 1
    assert "cannot be written (Permission denied); choose another folder" in result.error


def test_a_file_in_place_of_an_artifact(embed: Run, tmp_path: Path) -> None:
    """Told in a line that names it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "embeddings").write_text("mine")
    result = embed()
    assert result.code == 1
    assert "embeddings" in result.error
    assert "defect" not in result.error


def test_other_options_are_refused_without_overwrite(embed: Run, work: Path) -> None:
    """What differs is named as it is typed, with the remedy; with `--overwrite` it is made."""
    again = embed("--json")
    assert again.code == 0
    assert again.json["train"]["kept"] is True
    result = embed("--rows-per-part", "5")
    assert result.code == 1
    default = EmbedOptions.model_fields["rows_per_part"].default
    assert f"made differently (rows-per-part was {default}, now 5)" in result.error
    assert "replace it with --overwrite" in result.error
    assert embed("--rows-per-part", "5", "--overwrite", "--json").json["train"]["kept"] is False


def test_a_defect_is_one_line_too(run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody thought of is called a defect; the traceback is for who asks."""

    def broken(*_: object) -> None:
        raise KeyError("nobody\nthought")

    monkeypatch.delenv("TMA_PREP_DEBUG", raising=False)
    monkeypatch.setattr("tma_prep.arrange.arrange", broken)
    result = run("arrange", work)
    assert result.code == 1
    assert "defect in tma-prep (KeyError: " in result.error
    assert "TMA_PREP_DEBUG=1" in result.error
    monkeypatch.setenv("TMA_PREP_DEBUG", "1")
    assert "Traceback" in run("arrange", work).err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory; use a machine with more"),
        (OSError(28, "No space left on device", "/x/y"), "/x/y: the disk is full; make room"),
    ],
)
def test_the_machine_is_at_its_end(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """Memory and disk have messages of their own."""

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("tma_prep.arrange.arrange", broken)
    result = run("arrange", work)
    assert result.code == 1
    assert message in result.error
