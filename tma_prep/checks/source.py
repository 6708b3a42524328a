"""Which model a name means, and the digest of its files."""

import os
from dataclasses import dataclass
from pathlib import Path

from tma_prep.durable import sha256_of
from tma_prep.errors import DependencyError
from tma_prep.model_files import RISKY, SAFE, WORDS, deciding_files

TINY = "tiny"
"""The model that needs no download: a small Llama made from a config."""


@dataclass(frozen=True)
class ModelSource:
    """A model as it lies on the disk.

    Attributes:
        name: What the user called it.
        location: A folder or a GGUF file; None for `tiny`.
        sha256: Of its files; "" for `tiny`.
        trusted: Whether pickled weights and code of its own may be loaded.
    """

    name: str
    location: Path | None
    sha256: str
    trusted: bool = False


def find_model(name: str, *, trusted: bool = False) -> ModelSource:
    """`tiny`, a folder, a GGUF file, or a hub name, whose files are downloaded.

    Args:
        name: As the user gave it.
        trusted: See `ModelSource`.

    Raises:
        DependencyError: There is no such model, or it has other weights than safetensors and is
            not trusted.
    """
    if name == TINY:
        return ModelSource(name, None, "")
    path = Path(os.path.expanduser(name))
    if path.suffix == ".gguf":
        if not path.is_file():
            raise DependencyError(f"--model {name}: no such file; check the path")
        return ModelSource(name, path.absolute(), sha256_of(path))
    if not path.is_dir():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise DependencyError(f"--model {name}: no such folder; check the path")
        path = _downloaded(name, [*WORDS, *SAFE, *(RISKY if trusted else ())])
    files = deciding_files(name, path, trusted=trusted)
    return ModelSource(name, path.absolute(), sha256_of(*files), trusted)


def _downloaded(name: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DependencyError(
            f"--model {name}: is no folder here and cannot be had from the hub ({reason}); name a "
            "folder or a .gguf file, or use --model tiny"
        ) from error
