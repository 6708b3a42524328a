"""How much memory may be used."""

import os
from pathlib import Path

_CONTROL_GROUP_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def default_budget() -> int:
    """A quarter of the memory this process may have, in bytes."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_container_limits()]) // 4


def _container_limits() -> list[int]:
    """What a container allows (Linux control groups, version 2 and 1), where it says so."""
    limits = []
    for path in _CONTROL_GROUP_FILES:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return limits
