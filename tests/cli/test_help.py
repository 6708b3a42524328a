"""Help: complete, exemplary and quick."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from typer.main import get_command

from tests.cli.terminal import Run
from tma_prep.option_types import alternatives
from tma_prep_cli.app import COMMANDS as FUNCTIONS
from tma_prep_cli.app import app
from tma_prep_cli.docs import page
from tma_prep_cli.from_model import fields_of, metavar_of, model_of

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
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    result = run(command, flag)
    assert (result.code, result.err) == (0, "")
    assert "Example" in result.out
    assert f"tma-prep {command} " in result.out
    for parameter in COMMANDS[command].params:
        shown = parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0]
        assert shown in result.out, f"{command} --help lacks {shown}"


def test_every_command_takes_json() -> None:
    """So that a program can call any of them."""
    for name, command in COMMANDS.items():
        assert any("--json" in parameter.opts for parameter in command.params), name


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Of 80 columns, with every option and every word."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    out = run(command, "--help").out
    assert max(map(len, out.splitlines())) <= 80 and "…" not in out


@pytest.mark.parametrize("command", FUNCTIONS)
def test_every_choice_is_named(command: str) -> None:
    """In the help, or beside the option."""
    for name, field in fields_of(model_of(FUNCTIONS[command])).items():
        for kind in alternatives(field.annotation):
            for choice in get_args(kind) if get_origin(kind) is Literal else ():
                assert choice in f"{field.description} {metavar_of(field)}", name


def test_the_page_of_all_options_is_current() -> None:
    """Made anew by `python -m tma_prep_cli.docs > docs/cli.md`."""
    path = Path(__file__).parents[2] / "docs" / "cli.md"
    assert path.read_text(encoding="utf-8") == page()


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
