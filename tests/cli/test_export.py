"""`tma-prep export`: one object on stdout, warnings on stderr, wrong usage by its code."""

from pathlib import Path

import pytest

from tests.cli.terminal import Run


@pytest.fixture
def arranged(run: Run, work: Path) -> Path:
    """A workspace of twelve rows in order."""
    assert run("arrange", work, "--json").code == 0
    return work


def test_json_says_what_was_written(run: Run, arranged: Path) -> None:
    """Warnings stand in it and on stderr."""
    done = run("export", arranged, "--for", "trl", "--global-batch", 5, "--tail", "cut", "--json")
    assert done.code == 0
    folder = arranged / "exports" / "nft-for-trl"
    found = done.json
    assert {key: found[key] for key in ("order", "trainer", "rows", "cut_rows", "kept")} == {
        "order": "nft",
        "trainer": "trl",
        "rows": 10,
        "cut_rows": 2,
        "kept": False,
    }
    assert (found["folder"], found["start"]) == (str(folder), str(folder / "train.py"))
    assert [line.removeprefix("warning: ") for line in done.err.splitlines()] == found["warnings"]
    assert len(found["warnings"]) == 3
    assert found["traps"]


def test_a_person_is_told_what_comes_next(run: Run, arranged: Path) -> None:
    """The command that trains, the file to complete, or where the rows are."""
    for trainer, told in (
        ("transformers", "train.py --model MODEL --output FOLDER"),
        ("axolotl", "nft-for-axolotl/axolotl.yaml"),
        ("jsonl", "nft-for-jsonl"),
    ):
        done = run("export", arranged, "--for", trainer, "--global-batch", 4)
        assert done.code == 0
        assert done.out.rstrip().endswith(told)
        # No empty row of headings with a rule below.
        assert "─" not in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--for", "keras"], 2, "--for keras is not known; it is one of transformers, trl, axol"),
        (["--for", "trl", "--packing"], 2, "--packing --for trl: packing=True sorts rows by len"),
        (["--for", "trl", "--global-batch", "5"], 2, "--global-batch 5 leaves 2 of 12 rows over"),
        (["--for", "trl", "--tail", "cut"], 2, "--tail is about the rows that fill no whole"),
        (["--for", "trl", "--global-batch", "0"], 2, "--global-batch '0': it must be greater"),
        (["--for", "trl", "--name", "../x"], 2, "--name '../x': becomes a file name"),
        (["--for", "trl", "--out", "s3://b/x"], 2, "--out "),
        (["--for", "trl", "--name", "fft"], 1, "no shards named fft; it holds nft"),
        ([], 2, "Missing option '--for'"),
    ],
)
def test_what_is_refused_is_one_line(
    run: Run, arranged: Path, arguments: list[str], code: int, told: str
) -> None:
    """With what to do instead."""
    done = run("export", arranged, *arguments)
    assert done.code == code
    assert told in done.error
