"""Every rendered script is code that ruff and mypy accept; every configuration parses."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tma_prep.trainers.registry import TRAINERS
from tma_prep.trainers.templates import rendered
from tma_prep.trainers.trainer import Form, Handoff
from tma_prep_schemas import Traits

PARTS = {"train.py.jinja", "conversation.py.jinja", "notes.jinja"}
ROOT = Path(__file__).parents[2]
RUFF = (
    "--isolated",
    "--line-length=100",
    "--select=E,F,I,B,D,ANN,UP",
    "--config=lint.pydocstyle.convention='google'",
)


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file of every trainer, in every form, a file name a variant."""
    folder = tmp_path_factory.mktemp("variants")
    batches: tuple[int | None, ...] = (None, 4)
    forms: tuple[Form, ...] = ("exchange", "conversation", "text")
    for trainer, form, batch, packing in itertools.product(
        TRAINERS.values(), forms, batches, (False, True)
    ):
        handoff = Handoff(
            order="nft",
            shards=Path("/data/shards/nft"),
            folder=Path("/exports/it's {mine}: #1 日本 🎉"),
            data="train.parquet",
            data_sha256="ab" * 32,
            rows=20,
            form=form,
            traits=Traits(tools=batch is None, masked=packing),
            global_batch=batch,
            packing=packing and trainer.packs_in_order,
            warnings=["A warning that goes on for a line " * 4, "Another."],
        )
        for file, text in rendered(trainer, handoff).items():
            name, _, kind = file.partition(".")
            variant = f"{trainer.name}_{form}_{batch}_{packing}".lower()
            (folder / f"{variant}_{name}.{kind}").write_text(text, encoding="utf-8")
    return folder


def run(*command: str, folder: Path) -> None:
    """A tool that must find nothing."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_are_as_ruff_wants_them(variants: Path) -> None:
    """Checked and formatted."""
    assert len(list(variants.glob("*.py"))) == 24
    run("ruff", "check", *RUFF, str(variants), folder=variants)
    run("ruff", "format", "--check", *RUFF[:2], str(variants), folder=variants)


@pytest.mark.slow
def test_scripts_hold_their_types(variants: Path) -> None:
    """By the strict settings of this project, and with the cache of `make lint`."""
    run("mypy", *map(str, sorted(variants.glob("*false_train.py"))), folder=ROOT)


def test_configurations_parse(variants: Path) -> None:
    """With a path that means something in YAML, as text."""
    for path in variants.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "it's {mine}: #1 日本 🎉" in json.dumps(yaml.safe_load(text), ensure_ascii=False)
    assert all(json.loads(path.read_text()) for path in variants.glob("*.json"))


def test_every_template_is_of_a_trainer() -> None:
    """Or a part of one."""
    templates = ROOT / "tma_prep" / "trainers" / "templates"
    named = {name for trainer in TRAINERS.values() for name in trainer.templates.values()}
    assert {path.name for path in templates.iterdir()} == named | PARTS
