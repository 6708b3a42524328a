"""Threads that work ahead while results are taken in order; processes that do not stay behind."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_END = object()

_Given = TypeVar("_Given")
_Done = TypeVar("_Done")


def in_turn(
    workers: concurrent.futures.Executor,
    work: Callable[[_Given], _Done],
    items: Iterable[_Given],
    ahead: int,
) -> Iterator[_Done]:
    """`workers.map`, with no more than `ahead` results waiting to be taken."""
    running: collections.deque[concurrent.futures.Future[_Done]] = collections.deque()
    for item in items:
        running.append(workers.submit(work, item))
        if len(running) == ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def read_ahead(items: Iterable[_Given], ahead: int = 1) -> Iterator[_Given]:
    """The same items, so many of them taken by a thread before they are asked for."""
    rest = iter(items)
    with concurrent.futures.ThreadPoolExecutor(1) as reader:
        coming = collections.deque(reader.submit(next, rest, _END) for _ in range(ahead))
        while (item := coming.popleft().result()) is not _END:
            coming.append(reader.submit(next, rest, _END))
            yield item  # type: ignore[misc]


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait; a process started within never gets it, not even while it loads."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """In a worker process: end when the process that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
