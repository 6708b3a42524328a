"""Timing side by side, and the one table that all benchmarks print."""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_COLUMNS = ("what", "at least", "reach for", "measured")
_LIBRARIES = ("numpy", "faiss-cpu", "polars", "pyarrow")


@dataclass(frozen=True)
class Timed:
    """How long something took.

    Attributes:
        seconds: By the clock.
        cores: Processor seconds of all threads for each second by the clock.
    """

    seconds: float
    cores: float

    def __str__(self) -> str:
        """As in `0.48 s on 1.9 cores`."""
        return f"{self.seconds:.2f} s on {self.cores:.1f} cores"


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        what: What is compared, with its size.
        at_least: The figure that must be met; empty where there is none.
        reach_for: The figure to hope for; empty where there is none.
        measured: The ratio, and what it was made from.
    """

    what: str
    at_least: str
    reach_for: str
    measured: str


def timed(work: Callable[[], _Result]) -> tuple[_Result, Timed]:
    """Do the work once in this process, and say how long it took."""
    start, start_processor = time.perf_counter(), time.process_time()
    result = work()
    seconds = time.perf_counter() - start
    return result, Timed(seconds, (time.process_time() - start_processor) / seconds)


def median(runs: Sequence[Timed]) -> Timed:
    """The middle run by seconds, the lower one of two."""
    middle = statistics.median_low(run.seconds for run in runs)
    return next(run for run in runs if run.seconds == middle)


def interleaved(works: Mapping[str, Callable[[], Timed]], repeats: int) -> dict[str, Timed]:
    """Run all in turn, again and again, so that a busy minute falls on each; medians."""
    runs: dict[str, list[Timed]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            runs[name].append(work())
    return {name: median(found) for name, found in runs.items()}


def tma_prep(*arguments: object) -> dict[str, Any]:
    """Run `tma-prep` with `--json` in a process of its own; what it says.

    Raises:
        subprocess.CalledProcessError: It failed; what it told is on stderr.
    """
    command = [sys.executable, "-m", "tma_prep_cli", *map(str, arguments), "--json"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
    told: dict[str, Any] = json.loads(found.stdout)
    return told


def say(text: str) -> None:
    """One line on stderr, so that the table alone is on stdout."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def print_table(figures: Sequence[Figure]) -> None:
    """The figures as Markdown, and the machine they are from."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    rows += [(found.what, found.at_least, found.reach_for, found.measured) for found in figures]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    sys.stdout.write("\n".join([*lines, "", machine(), ""]))


def machine() -> str:
    """The processor, its cores, the load before this line, and the libraries that matter."""
    names = [platform.machine()]
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names += [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{names[-1]}, {os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {libraries}"
    )


Benchmark = Callable[[Path, bool], list[Figure]]
"""Takes a folder to work in and whether to run at full size."""


def main(description: str, *benchmarks: Benchmark) -> None:
    """Run benchmarks as the options say, and print one table."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--full", action="store_true", help="the sizes of the figures to reach, not small ones"
    )
    parser.add_argument(
        "--folder", type=Path, help="where data is made and kept for the next run; else deleted"
    )
    options = parser.parse_args()
    with _folder(options.folder) as folder:
        print_table([figure for run in benchmarks for figure in run(folder, options.full)])


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder given, or one that goes away."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="tma-prep-bench-") as made:
        yield Path(made)
