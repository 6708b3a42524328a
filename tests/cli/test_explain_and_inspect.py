"""Both on a terminal: nothing that it would obey, nothing lost where it is narrow."""

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Run
from tests.integration.explained import ROWS, make_order, make_workspace


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with hostile texts and two orders."""
    work = make_workspace(tmp_path_factory.mktemp("terminal"))
    make_order(work)
    make_order(work, "cells", granularity="kmeans:6", shards=False)
    return work


def _obeyed(text: str) -> set[str]:
    return {letter for letter in text if not letter.isprintable() and letter != "\n"}


@pytest.mark.parametrize("columns", [40, 200])
@pytest.mark.parametrize(
    "asked",
    [
        ("explain", "--row", 3),
        ("explain", "--name", "cells", "--position", 5),
        ("explain", "--test", 3),
        ("inspect",),
        ("inspect", "--name", "cells"),
    ],
)
def test_nothing_is_obeyed_and_nothing_lost(
    run: Run,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[object, ...],
    columns: int,
) -> None:
    """Tables are as wide as the terminal, and hold every word."""
    monkeypatch.setenv("COLUMNS", str(columns))
    command, *options = asked
    result = run(command, work, *options)
    assert (result.code, result.err) == (0, "")
    assert not _obeyed(result.out)
    assert "…" not in result.out
    table = [line for line in result.out.splitlines() if "─" in line]
    assert table and all(len(line) <= columns for line in table)


def test_texts_are_shown(run: Run, work: Path) -> None:
    """Control characters spelled out, line by line."""
    shown = "".join(run("explain", work, "--row", row).out for row in (0, 3, 6, 9))
    assert "train 9 \\x1b[31mred\\x1b[0m" in shown
    assert "<script>alert(1)</script>" in shown
    assert "\\u202eright to left" in shown
    assert "\n  —\n" in shown


def test_json(run: Run, work: Path) -> None:
    """One object that says all of it, and ASCII alone."""
    result = run("explain", work, "--position", 0, "--json")
    assert result.json["row"]["position"] == 0 and result.json["test"] is None
    assert result.json["row"]["named_by"][0]["next"]
    assert result.out.isascii()
    told = run("explain", work, "--test", 0, "--json").json
    assert len(told["test"]["neighbours"]) == ROWS
    found = run("inspect", work, "--html", "--json").json
    assert Path(found["page"]).is_file()
    assert set(found["seconds"]) == {"open", "look", "page"}
    json.dumps(found)


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        (("explain",), 2, "give one of --position, --row, --test and --id"),
        (
            ("explain", "--position", -1),
            2,
            "--position '-1': it must be greater than or equal",
        ),
        (("explain", "--position", ROWS), 1, "from position 0 to 59"),
        (("explain", "--row", 5, "--name", "../x"), 2, "--name '../x': becomes a file name"),
        (("inspect", "--out", "x.html"), 2, "--out is the file that --html writes; give both"),
    ],
)
def test_refusals(run: Run, work: Path, asked: tuple[object, ...], code: int, text: str) -> None:
    """One line on stderr."""
    command, *options = asked
    result = run(command, work, *options)
    assert result.code == code
    assert text in result.error
