"""The inputs of a workspace, seen again by a later command."""

from tma_prep.artifacts import sha256_of
from tma_prep.errors import InputError
from tma_prep.remote import any_path, file_state
from tma_prep_schemas import Source


def check_inputs(source: Source) -> None:
    """Refuse input files that are not what was embedded.

    Raises:
        InputError: One is gone or has changed.
    """
    for file in source.files:
        path = any_path(file.path)
        if not path.is_file():
            raise InputError(f"{path}: is not there any more; put it back, or run embed again")
        size, _ = file_state(path)
        if size != file.bytes or sha256_of(path) != file.sha256:
            raise InputError(
                f"{path}: has changed since it was embedded; run embed again, with --update to "
                "embed only what is new, or with --overwrite"
            )
