"""How much memory may be used, and how much rows will take."""

import os
from pathlib import Path

_UNPACKED = 6  # text that gzip or zstd has packed is about this much larger


def default_budget() -> int:
    """A quarter of the machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def input_bytes(files: list[Path]) -> int:
    """About how many bytes the rows of these files take as Arrow tables."""
    total = 0
    for path in files:
        packed = path.suffix.lower() in (".gz", ".zst") or path.suffix.lower() == ".parquet"
        total += path.stat().st_size * (_UNPACKED if packed else 1)
    return total
