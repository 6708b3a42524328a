"""What the machine has: devices, fast dtypes, memory."""

import os
from pathlib import Path
from typing import Literal

from tma_prep.errors import OptionError

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

_FEW_PROCESSES = 8
"""So many run on any machine, however few cores it has."""
_MEMORY_LIMIT_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a container says what it allows (Linux control groups, version 2 and 1)."""


def resolve_device(device: str) -> str:
    """`auto` to the fastest device there is; a named one is checked.

    Raises:
        OptionError: The named device is not there.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {"cuda": gpus > 0, "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, available in there.items() if available)
    name, _, number = device.partition(":")
    if not there.get(name, False) or (number and int(number) >= gpus):
        raise OptionError(f"--device {device}: torch sees no such device; use auto or cpu")
    return device


def resolve_devices(device: str) -> list[str]:
    """The device of each process: several for `all`, `0,1,3` and `cpu:2`, else one.

    Raises:
        OptionError: One of them is not there, or the machine has no use for so many.
    """
    import torch

    kind, _, count = device.partition(":")
    if kind == "cpu" and count:
        cores = os.cpu_count() or 1
        if int(count) > max(_FEW_PROCESSES, cores):
            raise OptionError(
                f"--device {device}: this machine has {cores} cores, and more processes would "
                f"wait for each other; give cpu:{cores} at most"
            )
        return ["cpu"] * int(count)
    if device != "all" and not device[0].isdigit():
        return [resolve_device(device)]
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbers = list(range(gpus)) if device == "all" else [int(n) for n in device.split(",")]
    if not numbers or max(numbers) >= gpus:
        raise OptionError(
            f"--device {device}: torch sees {gpus} CUDA devices; use their numbers, or cpu:N "
            "for N processes on the CPU"
        )
    return [f"cuda:{number}" for number in numbers]


def resolve_dtype(dtype: str, device: str) -> str:
    """`auto` to bfloat16 where the hardware multiplies it fast, else float32."""
    import torch

    if dtype != "auto":
        return dtype
    if device.startswith("cuda"):
        fast = torch.cuda.get_device_capability(torch.device(device)) >= (8, 0)
    elif device == "cpu":
        has = torch.cpu.get_capabilities()
        fast = bool(has.get("amx_bf16") or has.get("avx512_bf16"))
    else:
        fast = False
    return "bfloat16" if fast else "float32"


def default_budget() -> int:
    """A quarter of the memory this process may have, in bytes."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _MEMORY_LIMIT_FILES:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return min(limits) // 4
