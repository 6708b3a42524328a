"""Which model a name means, and the digest of its files."""

from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifacts import sha256_of
from tma_prep.errors import DependencyError

TINY = "tiny"
"""The model that needs no download: a small Llama made from a config."""

_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")


@dataclass(frozen=True)
class ModelSource:
    """A model as it lies on the disk.

    Attributes:
        name: What the user called it.
        location: A folder of safetensors or a GGUF file; None for `tiny`.
        sha256: Of its files; "" for `tiny`.
    """

    name: str
    location: Path | None
    sha256: str


def find_model(name: str) -> ModelSource:
    """`tiny`, a folder, a GGUF file, or a hub name, whose safetensors files are downloaded.

    Raises:
        DependencyError: There is no such model, or it has no safetensors.
    """
    if name == TINY:
        return ModelSource(name, None, "")
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise DependencyError(f"--model {name}: no such file; check the path")
        return ModelSource(name, path.absolute(), sha256_of(path))
    if not path.is_dir():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise DependencyError(f"--model {name}: no such folder; check the path")
        path = _downloaded(name)
    files = sorted({file for pattern in _FILES for file in path.glob(pattern)})
    if not any(file.suffix == ".safetensors" for file in files):
        raise DependencyError(
            f"--model {name}: holds no .safetensors weights; save the model with "
            "safe_serialization=True (pickled weights are never loaded)"
        )
    return ModelSource(name, path.absolute(), sha256_of(*files))


def _downloaded(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DependencyError(
            f"--model {name}: is no folder here and cannot be had from the hub ({reason}); name a "
            "folder or a .gguf file, or use --model tiny"
        ) from error
