"""What every manifest says of the software that made it."""

from importlib.metadata import PackageNotFoundError, version

import tma_prep


def tool_version() -> str:
    """The version of tma-prep."""
    return tma_prep.__version__


def library_versions(*names: str) -> dict[str, str]:
    """Versions of the installed ones among these distributions."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
