"""The file that teaches cannot lag behind the commands: same options, same defaults, same help."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.cli.terminal import Run
from tma_prep.options import option_name
from tma_prep.recipe import SECTIONS, TYPED_ALONE, keys_of, read_recipe
from tma_prep_cli.app import app
from tma_prep_cli.starter import starter_text

GROUP: Any = get_command(app)
OF_THE_TERMINAL = {"json", "plan", "help"}


def params_of(section: str) -> dict[str, Any]:
    """Options and arguments of a command by the long name, without dashes."""
    found = {each.opts[0].removeprefix("--"): each for each in GROUP.commands[section].params}
    return {name: each for name, each in found.items() if name not in OF_THE_TERMINAL}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_file_has_the_options_of_the_command(section: str) -> None:
    """No more, no fewer, but for what only a person may give."""
    alone = {option_name(field) for field in TYPED_ALONE}
    assert keys_of(section).keys() == params_of(section).keys() - alone


@pytest.mark.parametrize("section", SECTIONS)
def test_a_file_has_the_defaults_of_the_command(section: str) -> None:
    """Where the command line has one of its own."""
    for key, field in keys_of(section).items():
        default = params_of(section)[key].default
        if default is not None and not params_of(section)[key].required:
            assert SECTIONS[section].model_fields[field].default == default, key


def test_the_file_shows_every_option_with_its_help() -> None:
    """Under its section; the help in full, however its lines are broken."""
    sections = re.split(r"^\[(.+)\]$", starter_text(), flags=re.MULTILINE)[1:]
    assert sections[::2] == list(SECTIONS)
    for section, text in zip(sections[::2], sections[1::2], strict=True):
        told = " ".join(text.replace("\n# ", " ").split())
        for key in keys_of(section):
            assert re.search(rf"^#?{key} = ", text, re.MULTILINE), key
            assert " ".join(params_of(section)[key].help.split()) in told, key
    assert max(map(len, starter_text().splitlines())) <= 100


def test_what_is_commented_out_is_the_default(tmp_path: Path) -> None:
    """Taking away every # that stands before a default changes nothing."""
    started, bare = tmp_path / "started.toml", tmp_path / "bare.toml"
    started.write_text(starter_text())
    bare.write_text(re.sub(r"^#(?=[a-z-]+ = [^<])", "", starter_text(), flags=re.MULTILINE))
    assert read_recipe(bare) == read_recipe(started)
    said = [len(section) for section in tomllib.loads(bare.read_text()).values()]
    assert sum(said) > 30


def test_init_writes_it_once(run: Run, tmp_path: Path) -> None:
    """It is not written over by accident, and says what comes next."""
    path = tmp_path / "my file.toml"
    result = run("init", path)
    assert (result.code, result.err) == (0, "")
    assert f"tma-prep run '{path}'" in result.out
    assert path.read_text() == starter_text()
    path.write_text("mine")
    result = run("init", path)
    assert result.code == 2
    assert result.error == f"{path}: is there already; give --overwrite, or another name"
    assert path.read_text() == "mine"
    assert run("init", path, "--overwrite", "--json").json == {"file": str(path), "workspace": None}
    assert path.read_text() == starter_text()
