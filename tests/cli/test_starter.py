"""The file that teaches: every option, its help and its default."""

import re
import tomllib
from pathlib import Path

from tests.cli.terminal import Run
from tma_prep.options import RunOptions
from tma_prep.recipe import SECTIONS, keys_of, read_recipe
from tma_prep.recipe_writer import starter_text


def test_the_file_shows_every_option_with_its_help() -> None:
    """Under its section; the help in full, however its lines are broken."""
    sections = re.split(r"^\[(.+)\]$", starter_text(), flags=re.MULTILINE)[1:]
    assert sections[::2] == list(SECTIONS)
    for section, text in zip(sections[::2], sections[1::2], strict=True):
        told = " ".join(text.replace("\n# ", " ").split())
        for key, name in keys_of(section).items():
            assert re.search(rf"^#?{key} = ", text, re.MULTILINE), key
            assert str(SECTIONS[section].model_fields[name].description) in told, key
    assert max(map(len, starter_text().splitlines())) <= 100


def test_what_is_commented_out_is_the_default(tmp_path: Path) -> None:
    """Taking away every # that stands before a default changes nothing."""
    started, bare = tmp_path / "started.toml", tmp_path / "bare.toml"
    started.write_text(starter_text())
    bare.write_text(re.sub(r"^#(?=[a-z-]+ = [^<])", "", starter_text(), flags=re.MULTILINE))
    assert read_recipe(RunOptions(file=bare)) == read_recipe(RunOptions(file=started))
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
