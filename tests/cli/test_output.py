"""Results on stdout, everything else on stderr, and no byte of it that a terminal obeys."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.terminal import Finished, Run

NASTY = "w\x1b[2J\x9b31m\x07[/][bold]é\n"
"""A name that clears the screen, colours, beeps, breaks rich's marks and ends the line."""


def _obeyed(text: str) -> set[str]:
    return {letter for letter in text if not letter.isprintable() and letter != "\n"}


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_escape_sequences_in_paths_are_shown(
    embed: Run, run: Run, tmp_path: Path, flags: list[str]
) -> None:
    """In results, in what to run next, and in JSON."""
    work = tmp_path / NASTY
    embedded = embed(*flags, out=work)
    arranged = run("arrange", work, *flags)
    for result in (embedded, arranged):
        assert result.code == 0
        assert not _obeyed(result.out + result.err)
    assert work.is_dir()
    if flags:
        assert embedded.json["workspace"] == str(work)


@pytest.mark.parametrize("where", ["name", "prompt column", "value", "task column"])
def test_escape_sequences_in_errors_are_shown(
    run: Run, embed: Run, tmp_path: Path, where: str
) -> None:
    """From file names, column names and cells."""
    row: dict[str, object] = {"prompt": "p", "response": "r", "v": [1, 1, 1]}
    path = tmp_path / "bad.jsonl"
    if where == "name":
        result = run("embed", "--train", NASTY, "--test", NASTY, "--out", tmp_path / "w")
    elif where == "task column":
        result = embed("--task-column", NASTY)
    else:
        rows = (
            [{NASTY: "q", "v": [1]}]
            if where == "prompt column"
            else [{**row, "id": NASTY, "prompt": ""}]
        )
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        result = run(
            *("embed", "--train", path, "--test", path, "--out", tmp_path / "w"),
            *("--vectors-column", "v"),
        )
    assert result.code == 1
    assert "x1b[2J" in result.error
    assert not _obeyed(result.err)


def test_json_is_one_object_alone(embed: Run, run: Run, work: Path) -> None:
    """With seconds by stage; a second run keeps what is there."""
    first = run("arrange", work, "--order", "nft", "--order", "rt", "--json")
    # What it will take is said before the work.
    told, warning = first.err.splitlines()
    assert first.code == 0 and re.fullmatch(r"\d+ rows against .* MB, about .* s", told)
    assert warning.startswith("warning: 5 of 12 training rows")
    assert first.json["leakage"]["rows"] == 5
    assert first.json["seconds"].keys() >= {"rank"}
    assert [order["name"] for order in first.json["orders"]] == ["nft", "rt"]
    assert [order["kept"] for order in first.json["orders"]] == [False, False]
    again = run("arrange", work, "--order", "nft", "--order", "rt", "--json")
    assert [order["kept"] for order in again.json["orders"]] == [True, True]
    assert embed("--json").json["encoder"] is None


def test_names_of_results(run: Run, work: Path) -> None:
    """`--name` stands for the order, and before it where there are several."""
    assert run("arrange", work, "--name", "a", "--json").json["orders"][0]["name"] == "a"
    several = run("arrange", work, "--name", "b", "--order", "nft", "--order", "fft", "--json")
    assert [order["name"] for order in several.json["orders"]] == ["b-nft", "b-fft"]
    assert {path.name for path in (work / "shards").iterdir()} == {"a", "b-nft", "b-fft"}


def test_the_next_command_may_be_typed(embed: Run, tmp_path: Path) -> None:
    """Quoted where a shell needs it."""
    result = embed(out=tmp_path / "my work")
    assert result.code == 0
    assert f"tma-prep arrange '{tmp_path}/my work' --order nft" in result.out


def _big(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for n in range(rows):
            row = {"prompt": f"p{n}", "response": "r", "v": [1.0, n % 97, n % 89]}
            stream.write(json.dumps(row) + "\n")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(embed: Run, tmp_path: Path, stop: signal.Signals) -> None:
    """Exit code 130, how to go on, and nothing that looks finished; then it does go on."""
    embed("--json", out=tmp_path / "unused")
    _big(tmp_path / "train.jsonl", 15_000)
    work = tmp_path / "work"
    command = [
        *(sys.executable, "-m", "tma_prep_cli", "embed", "--train", f"{tmp_path}/train.jsonl"),
        *("--test", f"{tmp_path}/test.jsonl", "--vectors-column", "v", "--out", str(work)),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        partial = work / "embeddings" / ".train.partial"
        while not partial.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    result = Finished(process.returncode, out, err)
    assert result.code == 130
    assert "interrupted" in result.error
    assert "run the same command to go on" in result.error
    assert not (work / "embeddings" / "train").exists()
    again = embed("--json").json
    assert again["train"]["rows"] == 15_000
    assert again["test"]["kept"] is True
    assert sorted(path.name for path in (work / "embeddings").iterdir()) == ["test", "train"]


def test_a_reader_that_goes_away(work: Path) -> None:
    """`tma-prep … | head` says nothing on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tma_prep_cli", "arrange", str(work), "--json"]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, text=True) as process:
        os.close(writer)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "rror" not in err and "pipe" not in err
