"""The Ray engine without a cluster: what is refused, and what a worker checks."""

import subprocess
import sys
from pathlib import Path

import pytest

from tma_prep import ray as cluster
from tma_prep.durable import sha256_of
from tma_prep.embeddings.encoder import EncoderSettings
from tma_prep.embeddings.model import ResolvedModel
from tma_prep.embeddings.runners import _Job, _loaded, _model_here, _versions, open_runner
from tma_prep.errors import DependencyError, OptionError
from tma_prep.ray import Cluster, gpu_here

HUB_MODEL = ResolvedModel("some/model", "some/model", "")


def test_ray_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyError) as caught, Cluster() as connected:
        connected.slots(gpu=False)
    assert str(caught.value) == "Ray is not installed; pip install 'tma-prep[ray]'"


def test_the_command_line_loads_no_ray() -> None:
    """Neither for help nor for the local engine's modules."""
    program = (
        "import sys, tma_prep.arrange, tma_prep.embeddings.stage\n"
        "from tma_prep_cli import main\n"
        "main.run(['arrange', '--help'])\n"
        "sys.exit('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("address", "error", "text"),
    [
        ("127.0.0.1:1", DependencyError, "no Ray cluster answers there; start one with ray start"),
        ("nonsense", OptionError, "must be auto, or host:port of the cluster's head, as in"),
        ("127.0.0.1:", OptionError, "must be auto, or host:port of the cluster's head, as in"),
        ("ray://127.0.0.1:10001", OptionError, "and not Ray's client"),
    ],
)
def test_an_address_without_a_cluster(
    address: str,
    error: type[Exception],
    text: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line, at once, and nothing from Ray, which asks for minutes."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(error) as caught, Cluster() as connected:
        connected.slots(gpu=False)
    assert str(caught.value).startswith(f"RAY_ADDRESS={address}: ")
    assert text in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_particular_device_is_refused() -> None:
    """Ray numbers them itself."""
    settings = EncoderSettings(HUB_MODEL, device="cuda:1")
    with (
        pytest.raises(OptionError, match="--device cuda:1: Ray chooses"),
        open_runner(settings, engine="ray"),
    ):
        pass


def test_a_worker_with_other_libraries_is_refused() -> None:
    """It would make other bytes than the manifest says."""
    job = _Job(EncoderSettings(HUB_MODEL), "cpu", ("0.0.0", *_versions()[1:]))
    with pytest.raises(DependencyError, match=r"has tma-prep .*, and 0\.0\.0 is used here"):
        _loaded(job, "cpu")


def test_a_worker_finds_the_model_by_its_folder_or_its_name(tmp_path: Path) -> None:
    """And refuses another."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    sha256 = sha256_of(tmp_path / "here" / "model.safetensors")
    named, gone = str(tmp_path / "there"), str(tmp_path / "gone")
    assert _model_here(HUB_MODEL) is HUB_MODEL
    assert _model_here(ResolvedModel("m", named, sha256)) == ResolvedModel("m", named, sha256)
    assert _model_here(ResolvedModel(named, gone, sha256)) == ResolvedModel(named, named, sha256)
    (tmp_path / "there" / "model.safetensors").write_bytes(b"others")
    with pytest.raises(DependencyError, match="has other weights"):
        _model_here(ResolvedModel(named, gone, sha256))


@pytest.mark.parametrize(
    ("given", "shown", "device"),
    [("2", None, "cuda:2"), ("3", "2,3", "cuda:1"), ("3", "3", "cuda:0"), ("7", None, "cuda:0")],
)
def test_a_task_uses_the_gpu_it_was_given(
    given: str, shown: str | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted among those that the process sees."""

    class Ray:
        @staticmethod
        def get_gpu_ids() -> list[str]:
            return [given]

    monkeypatch.setattr(cluster, "_import_ray", lambda: Ray)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    if shown is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert gpu_here() == device
