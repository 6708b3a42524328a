"""A model that would run code when it is loaded: refused, unless the user says to trust it."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.checks.conftest import sums
from tests.cli.terminal import Finished, Run
from tests.integration.check_workspace import SMALL, make_workspace
from tma_prep.checks.data import train_tokenizer
from tma_prep.checks.model import tiny_llama
from tma_prep_cli.main import run as run_command

pytestmark = pytest.mark.slow

TRUST = "--trust-remote-code"
REMEDY = "--trust-remote-code, if you trust whoever made the model"
CHECK = ("--order=nft", "--order=rt", *SMALL, "--quick", "--base-steps", 0, "--steps", 1)
CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel
Path({canary!r}).touch()
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaModel):
    config_class = OwnConfig
class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


@dataclass(frozen=True)
class Touches:
    """Unpickled, it makes a file."""

    canary: Path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        """What its pickle calls."""
        return Path.touch, (self.canary,)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama with its tokenizer, saved as safetensors; it embeds and it is trained."""
    folder = tmp_path_factory.mktemp("models") / "llama"
    tokenizer = train_tokenizer((f"{prompt} {answer}" for prompt, answer in sums(0, 200)), 300)
    tiny_llama(len(tokenizer), 64, seed=4).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def arranged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose rows brought their vectors."""
    return make_workspace(tmp_path_factory.mktemp("arranged"), ("nft", "rt"))


@dataclass(frozen=True)
class Place:
    """Where one test works.

    Attributes:
        root: A folder of its own; `root/work` is what is embedded.
        model: A copy of the Llama.
        canary: What is there if code of the model has run.
    """

    root: Path
    model: Path
    canary: Path
    arranged: Path
    run_command: Run

    def run(self, command: str, *more: str) -> Finished:
        """Embed with the model, or train it."""
        tests = self.arranged.parent / "test.jsonl"
        options: dict[str, tuple[object, ...]] = {
            "embed": (
                *("--train", tests, "--test", tests, "--out", self.root / "work"),
                *("--dtype", "float32"),
            ),
            "train-check": (self.arranged, *CHECK, "--name", self.root.name, "--workers", 1),
        }
        return self.run_command(command, *options[command], "--model", self.model, *more, "--json")

    def refused(self, command: str, *more: str) -> str:
        """The error of what must fail without running anything of the model's."""
        done = self.run(command, *more)
        assert done.code == 1 and done.out == ""
        assert not self.canary.exists()
        assert done.err.count("error: ") == 1 and "Traceback" not in done.err
        assert "defect" not in done.err
        return done.err.splitlines()[-1]

    def pickle_weights(self, **more: object) -> None:
        """Put the weights into a pickle, with whatever else."""
        safe = self.model / "model.safetensors"
        if safe.exists():
            weights = load_file(safe)
            safe.unlink()
        else:
            weights = torch.load(self.model / "pytorch_model.bin", weights_only=True)
        torch.save(weights | more, self.model / "pytorch_model.bin")

    def bring_code(self) -> None:
        """Let the model be of a class that stands in its own folder."""
        (self.model / "own.py").write_text(CODE.format(canary=str(self.canary)))
        path = self.model / "config.json"
        names = {"AutoConfig": "OwnConfig", "AutoModel": "OwnModel"}
        names["AutoModelForCausalLM"] = "OwnForCausalLM"
        own = {"model_type": "own", "auto_map": {key: f"own.{it}" for key, it in names.items()}}
        path.write_text(json.dumps(json.loads(path.read_text()) | own))


@pytest.fixture
def place(
    llama: Path,
    arranged: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    """A copy of the model, and no import of its code outside of a folder of this test."""

    def run(*arguments: object) -> Finished:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        return Finished(code, *capsys.readouterr())

    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "code"))
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "code")
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = Path(shutil.copytree(llama, tmp_path / "model"))
    return Place(tmp_path, model, tmp_path / "canary", arranged, run)


@pytest.mark.parametrize("command", ["embed", "train-check"])
def test_pickled_weights_are_refused(place: Place, command: str) -> None:
    """In a line that says how to do without."""
    place.pickle_weights(more=Touches(place.canary))
    line = place.refused(command)
    assert "weights must be .safetensors, and pytorch_model.bin is pickled" in line
    assert "save it again with safe_serialization=True" in line and line.endswith(REMEDY)


def test_pickled_weights_that_are_trusted(place: Place) -> None:
    """Loaded if they hold tensors and nothing else."""
    expected = place.run("embed").json["train"]["rows"]
    place.pickle_weights()
    assert place.run("embed", TRUST, "--overwrite").json["train"]["rows"] == expected
    manifest = json.loads((place.root / "work/embeddings/test/manifest.json").read_text())
    assert manifest["config"]["trust_remote_code"] is True
    place.pickle_weights(more=Touches(place.canary))
    assert "cannot be loaded (Weights only load failed" in place.refused(
        "embed", TRUST, "--overwrite"
    )


@pytest.mark.parametrize("command", ["embed", "train-check"])
def test_code_of_its_own(place: Place, command: str) -> None:
    """Not imported; trusted, it is, which shows that the canary sings."""
    place.bring_code()
    line = place.refused(command)
    assert "brings code of its own, which is not run" in line and line.endswith(REMEDY)
    done = place.run(command, TRUST)
    assert done.code == 0, done.err
    assert place.canary.exists()


def test_parts_of_an_encoder(place: Place) -> None:
    """sentence-transformers puts an encoder together from folders, each of any class."""
    dense = place.model / "1_Dense"
    dense.mkdir()
    (dense / "pytorch_model.bin").write_bytes(b"")
    assert "1_Dense/pytorch_model.bin is pickled" in place.refused("embed")
    shutil.rmtree(dense)
    place.bring_code()
    part = {"idx": 0, "name": "0", "path": "", "type": "own.OwnModel"}
    (place.model / "modules.json").write_text(json.dumps([part]))
    assert place.refused("embed").endswith(REMEDY)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_model(place: Place, file: str) -> None:
    """One line, whichever file it is."""
    size = os.path.getsize(place.model / file)
    (place.model / file).write_bytes(b"\x00\xff" * (size // 2))
    assert "cannot be loaded" in place.refused("embed")
    assert "cannot be loaded" in place.refused("train-check")
