"""The inputs of a workspace, seen again by a later command."""

from pathlib import Path

from tma_prep.artifacts import sha256_of
from tma_prep.errors import InputError
from tma_prep_schemas import Source


def check_inputs(source: Source) -> None:
    """Refuse input files that are not what was embedded.

    Raises:
        InputError: One is gone or has changed.
    """
    for file in source.files:
        path = Path(file.path)
        if not path.is_file():
            raise InputError(f"{path}: is not there any more; put it back, or run embed again")
        if path.stat().st_size != file.bytes or sha256_of(path) != file.sha256:
            raise InputError(
                f"{path}: has changed since it was embedded; run embed again with --overwrite"
            )
