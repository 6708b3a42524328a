"""What a check found: lines of a table, and the JSON that keeps them."""

import importlib.metadata
import json
import os
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "measured", "not run"]

_LIBRARIES = ("torch", "transformers", "sentence-transformers", "numpy", "faiss-cpu", "faiss-gpu")


@dataclass(frozen=True)
class Line:
    """One thing that was checked, measured, or could not be run.

    Attributes:
        what: With its size.
        found: As a reader wants it.
        outcome: `passed` and `failed` are for checks.
        expected: Of a check.
        values: The numbers behind `found`, for the JSON.
    """

    what: str
    found: str
    outcome: Outcome = "measured"
    expected: str = ""
    values: dict[str, float | int | str | bool] = field(default_factory=dict)


def check(
    what: str, found: str, passed: bool, expected: str, **values: float | int | str | bool
) -> Line:
    """A line that passes or fails."""
    return Line(what, found, "passed" if passed else "failed", expected, values)


def measured(what: str, found: str, **values: float | int | str | bool) -> Line:
    """A line with a number that nothing is expected of."""
    return Line(what, found, values=values)


def not_run(what: str, why: str) -> Line:
    """A line that says why there is nothing to say."""
    return Line(what, why, "not run")


def guarded(what: str, lines: Iterator[Line]) -> Iterator[Line]:
    """The lines, and where finding them raised, a failed one that says what."""
    try:
        yield from lines
    # A card that fails in one place must not hide what the others find.
    except Exception as error:
        traceback.print_exc()
        told = " ".join(str(error).split())[:200]
        yield check(what, f"{type(error).__name__}: {told}", False, "no error")


def environment(device: str) -> dict[str, str]:
    """The machine, the card by its full name, and the versions that matter."""
    import torch

    found = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "device": device,
    }
    if device.startswith("cuda"):
        of = torch.cuda.get_device_properties(torch.device(device))
        found["card"] = (
            f"{of.name}, {of.total_memory / 2**30:.0f} GiB, {of.multi_processor_count} "
            f"multiprocessors, compute capability {of.major}.{of.minor}"
        )
        found["cuda"] = str(torch.version.cuda)
        found["float32_precision"] = torch.get_float32_matmul_precision()
    for name in ("CUBLAS_EMULATE_DOUBLE_PRECISION", "CUBLAS_WORKSPACE_CONFIG"):
        if name in os.environ:
            found[name] = os.environ[name]
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def table(lines: Sequence[Line]) -> str:
    """The lines as Markdown."""
    rows = ["| what | expected | found | outcome |", "| --- | --- | --- | --- |"]
    rows += [f"| {one.what} | {one.expected} | {one.found} | {one.outcome} |" for one in lines]
    return "\n".join(rows) + "\n"


def write_json(path: Path, about: dict[str, str], lines: Sequence[Line]) -> None:
    """Keep the lines; written after every section, so that a run cut short leaves some."""
    kept = {"environment": about, "lines": [asdict(one) for one in lines]}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def say(text: str) -> None:
    """One line on stderr, so that the table alone is on stdout."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
