"""Which files of a model's folder are loaded, and what only a trusted model may bring."""

from pathlib import Path

from tma_prep.errors import DependencyError

SAFE = ("*.safetensors",)
RISKY = ("pytorch_model*.bin", "adapter_model.bin", "*.py")
"""Weights that are unpickled, under the names that the libraries look for, and code."""

_TRUST = "--trust-remote-code, if you trust whoever made the model"


def weight_files(model: str, folder: Path, *, trusted: bool) -> list[Path]:
    """The files that decide what a model computes, sorted: weights, and code where it is trusted.

    Args:
        model: What the user called it.
        folder: Where it lies; parts of a model may lie in folders within.
        trusted: Whether pickled weights and code of its own may be loaded.

    Raises:
        DependencyError: It has no weights, or some that would have to be unpickled.
    """
    safe = _files(folder, SAFE)
    risky = _files(folder, RISKY)
    if trusted:
        return sorted([*safe, *risky])
    beside_safe = {path.parent for path in safe}
    pickled = [p for p in risky if p.suffix == ".bin" and p.parent not in beside_safe]
    if pickled or not safe:
        what = f"{pickled[0].relative_to(folder)} is pickled" if pickled else "it holds none"
        raise DependencyError(
            f"--model {model}: weights must be .safetensors, and {what}; save it again with "
            f"safe_serialization=True, or give {_TRUST}"
        )
    return safe


def cannot_be_loaded(model: str, error: Exception, remedy: str) -> DependencyError:
    """What is raised where a library refuses a model.

    Args:
        model: What the user called it.
        error: What the library said.
        remedy: What to do, unless it is trust that the model wants.
    """
    said = " ".join(str(error).split())
    if "trust_remote_code" in said:
        return DependencyError(
            f"--model {model}: brings code of its own, which is not run; name another model, or "
            f"give {_TRUST}"
        )
    return DependencyError(f"--model {model}: cannot be loaded ({said[:160]}); {remedy}")


def _files(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    return sorted(found)
