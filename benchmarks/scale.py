"""A million rows: time against the floor and against a quarter of the rows, and peak memory.

Memory is `RssAnon`, what the process holds beside the mapped store, read from outside every few
milliseconds while a process of its own maps the store and ranks it.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, Timed, main, median, say
from benchmarks.ranking import time_floor
from benchmarks.vectors import workspace

_FULL, _SMALL = ((250_000, 1_000_000), 1_000), ((20_000, 80_000), 200)
_REPEATS = 3
_SECONDS_BETWEEN_SAMPLES = 0.005


@dataclass(frozen=True)
class Watched:
    """One ranking in a process of its own.

    Attributes:
        spent: On the ranking alone, imports left out.
        peak_bytes: The most `RssAnon`, imports included.
        told: What `rank_alone` printed.
    """

    spent: Timed
    peak_bytes: int
    told: dict[str, Any]


def rank_watched(work: Path) -> Watched:
    """Rank in a process of its own, and watch its memory."""
    command = [sys.executable, "-m", "benchmarks.rank_alone", str(work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(_SECONDS_BETWEEN_SAMPLES)
        output = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    told = json.loads(output)
    return Watched(Timed(told["seconds"], told["cores"]), peak, told)


def anonymous_bytes(process: int) -> int:
    """`RssAnon` of a process, 0 where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = [line.split() for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(lines[0][1]) * 1024 if lines else 0


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    sizes, tests = _FULL if full else _SMALL
    works = {rows: workspace(folder, rows, tests) for rows in sizes}
    ours: dict[int, list[Watched]] = {rows: [] for rows in sizes}
    floors: dict[int, list[Timed]] = {rows: [] for rows in sizes}
    for repeat in range(_REPEATS):
        for rows, work in works.items():
            say(f"ranking {rows:,} × {tests:,}, and the floor: {repeat + 1} of {_REPEATS}")
            ours[rows].append(rank_watched(work))
            floors[rows].append(time_floor(work))
    small, large = sizes
    spent = {rows: median([run.spent for run in ours[rows]]) for rows in sizes}
    floor = {rows: median(floors[rows]) for rows in sizes}
    peak = {rows: max(run.peak_bytes for run in ours[rows]) / 1e9 for rows in sizes}
    told = ours[large][0].told
    return [
        Figure(
            f"ours / floor, {large:,} × {tests:,}",
            "finishes",
            "3",
            f"{spent[large].seconds / floor[large].seconds:.2f}: {spent[large]} / {floor[large]}; "
            f"{told['rounds']} rounds, {told['searches']} searches again",
        ),
        Figure(
            f"peak anonymous memory (RssAnon), {large:,} × {tests:,}",
            "under 2 GB",
            "",
            f"{peak[large]:.2f} GB ({peak[small]:.2f} GB at {small:,})",
        ),
        Figure(
            f"growth of time from {small:,} to {large:,} rows at {tests:,} tests",
            "5",
            "4",
            f"{spent[large].seconds / spent[small].seconds:.2f}: from {spent[small]}; "
            f"the floor grew by {floor[large].seconds / floor[small].seconds:.2f}",
        ),
    ]


if __name__ == "__main__":
    main("A million rows: time, growth and memory.", run)
