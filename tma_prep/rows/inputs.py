"""The inputs of a workspace, seen again by a later command."""

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterator

from tma_prep.artifact import sha256_of
from tma_prep.errors import InputError
from tma_prep.files import AnyPath, any_path, file_state, kind_of
from tma_prep_schemas import Source


def missing_input(source: Source) -> AnyPath | None:
    """The first input file that is gone.

    Raises:
        InputError: A remote one cannot be asked for.
    """
    paths = (any_path(file.path) for file in source.files)
    return next((path for path in paths if kind_of(path) != "file"), None)


def check_inputs(source: Source, on_bytes: Callable[[int], None] = lambda _: None) -> None:
    """Refuse input files that are not what was embedded.

    Args:
        source: What was embedded.
        on_bytes: Told how many more bytes were looked at.

    Raises:
        InputError: One is gone or has changed.
    """
    gone = missing_input(source)
    if gone is not None:
        raise InputError(f"{gone}: is not there any more; put it back, or run embed again")
    for file in source.files:
        path = any_path(file.path)
        size, _ = file_state(path)
        if size != file.bytes or sha256_of(path, on_bytes=on_bytes) != file.sha256:
            raise InputError(
                f"{path}: has changed since it was embedded; run embed again, with --update to "
                "embed only what is new, or with --overwrite"
            )


@contextlib.contextmanager
def inputs_checked_meanwhile(source: Source) -> Iterator[None]:
    """Check input files by a thread while they are read; what was read of changed ones is void.

    Raises:
        InputError: One is gone or has changed; told in place of what reading it led to.
    """
    left = threading.Event()

    def go_on(_: int) -> None:
        if left.is_set():
            raise InputError("nobody waits for the check any more")

    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        check = beside.submit(check_inputs, source, go_on)
        try:
            yield
        except Exception:
            check.result()
            raise
        except BaseException:
            left.set()
            raise
        check.result()
