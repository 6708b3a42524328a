"""Help: complete, exemplary and quick."""

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from tests.cli.terminal import Run
from tma_prep_cli.app import app

GROUP: Any = get_command(app)
COMMANDS: dict[str, Any] = dict(GROUP.commands)


def test_the_commands() -> None:
    """A command that is added is tested; the three that the workspace needs are there."""
    assert {"embed", "arrange", "train-check"} <= COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    """A text of its own, and options are written with dashes."""
    for parameter in COMMANDS[command].params:
        assert parameter.help, f"{command} {parameter.name} has no help"
        if parameter.param_type_name == "option":
            assert all(name.startswith("-") and "_" not in name for name in parameter.opts)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_shows_an_example_and_every_option(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, flag: str
) -> None:
    """On stdout, and nothing on stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    result = run(command, flag)
    assert (result.code, result.err) == (0, "")
    assert "Example" in result.out
    assert f"tma-prep {command} " in result.out
    for parameter in COMMANDS[command].params:
        shown = parameter.opts[0]
        assert shown in result.out, f"{command} --help lacks {shown}"


def test_every_command_takes_json() -> None:
    """So that a program can call any of them."""
    for name, command in COMMANDS.items():
        assert any("--json" in parameter.opts for parameter in command.params), name


def test_help_of_the_program(run: Run) -> None:
    """Every command is listed; without a command the same is shown, as wrong usage."""
    result = run("--help")
    assert (result.code, result.err) == (0, "")
    assert all(f"tma-prep {command}" in result.out for command in ("embed", "arrange"))
    assert all(command in result.out for command in COMMANDS)
    alone = run()
    assert (alone.code, alone.err) == (2, "")
    assert alone.out.split() == result.out.split()


def test_version(run: Run) -> None:
    """One line."""
    result = run("--version")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("tma-prep ")


SCRIPT = """
import sys
from tma_prep_cli.main import run
code = run(sys.argv[1:])
heavy = {"torch", "faiss", "transformers", "sentence_transformers", "pyarrow", "polars", "datasets"}
sys.stderr.write(f"{code} {sorted(heavy & sys.modules.keys())}")
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["arrange", "--help"], 0), (["embed", "--nonsense"], 2)],
)
def test_help_loads_nothing_heavy(arguments: list[str], code: int) -> None:
    """In a process of its own, where nothing is loaded yet."""
    command = [sys.executable, "-c", SCRIPT, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stderr.splitlines()[-1] == f"{code} []"
