"""Which files of a model's folder are loaded, what only a trusted model may bring, and loading."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from tma_prep.errors import DependencyError

SAFE = ("*.safetensors",)
RISKY = ("pytorch_model*.bin", "adapter_model.bin", "*.py")
"""Weights that are unpickled, under the names that the libraries look for, and code."""
WORDS = ("*.json", "*.model", "*.txt", "*.jinja")
"""Configuration and tokenizer."""

_TRUST = "--trust-remote-code, if you trust whoever made the model"


def deciding_files(model: str, folder: Path, *, trusted: bool) -> list[Path]:
    """The files that decide what a model computes, sorted.

    They are weights, configuration and tokenizer, and code where it is trusted.

    Args:
        model: What the user called it.
        folder: Where it lies; parts of a model may lie in folders within.
        trusted: Whether pickled weights and code of its own may be loaded.

    Raises:
        DependencyError: It has no weights, or some that would have to be unpickled.
    """
    safe = _files(folder, SAFE)
    risky = _files(folder, RISKY)
    words = _files(folder, WORDS)
    if trusted:
        return sorted([*safe, *risky, *words])
    beside_safe = {path.parent for path in safe}
    pickled = [p for p in risky if p.suffix == ".bin" and p.parent not in beside_safe]
    if pickled or not safe:
        what = f"{pickled[0].relative_to(folder)} is pickled" if pickled else "it holds none"
        raise DependencyError(
            f"--model {model}: weights must be .safetensors, and {what}; save it again with "
            f"safe_serialization=True, or give {_TRUST}"
        )
    return sorted([*safe, *words])


@contextlib.contextmanager
def loading(model: str, remedy: str) -> Iterator[None]:
    """Keep transformers' advice and bars off the terminal, and turn what goes wrong into one line.

    Args:
        model: What the user called it.
        remedy: What to do where a library refuses it, unless it is trust that the model wants.

    Raises:
        DependencyError: It cannot be loaded.
    """
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    except DependencyError:
        raise
    except Exception as error:
        # The files of a model, and code that comes with it, can make this raise anything.
        raise _cannot_be_loaded(model, error, remedy) from error
    finally:
        transformers_logging.set_verbosity(level)


def _cannot_be_loaded(model: str, error: Exception, remedy: str) -> DependencyError:
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
