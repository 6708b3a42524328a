"""Which device torch computes on."""

import os
from typing import Literal

from tma_prep.errors import OptionError

Dtype = Literal["auto", "float32", "bfloat16", "float16", "int8"]

_FEW_PROCESSES = 8
"""So many run on any machine, however few cores it has."""


def resolve_device(device: str) -> str:
    """`auto` to the fastest device there is; a named one is checked.

    Raises:
        OptionError: The named device is not there.
    """
    import torch

    cuda_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {"cuda": cuda_devices > 0, "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, available in there.items() if available)
    name, _, number = device.partition(":")
    if not there.get(name, False) or (number and int(number) >= cuda_devices):
        raise OptionError(f"--device {device}: torch sees no such device; use auto or cpu")
    return device


def device_list(devices: str) -> list[str]:
    """`all`, `0,1,3` or `cpu:2` as the device of each process.

    Raises:
        OptionError: One of them is not there.
    """
    import torch

    kind, _, count = devices.partition(":")
    if kind == "cpu":
        processes, cores = int(count or 1), os.cpu_count() or 1
        if processes > max(_FEW_PROCESSES, cores):
            raise OptionError(
                f"--devices {devices}: this machine has {cores} cores, and more processes would "
                f"wait for each other; give cpu:{cores} at most"
            )
        return ["cpu"] * processes
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbers = list(range(there)) if devices == "all" else [int(n) for n in devices.split(",")]
    missing = [number for number in numbers if number >= there]
    if missing or not numbers:
        raise OptionError(
            f"--devices {devices}: torch sees {there} CUDA devices; use their numbers, or cpu:N "
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
