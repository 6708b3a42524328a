"""Which device torch computes on."""

from tma_prep.errors import OptionError


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
