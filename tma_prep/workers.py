"""Threads that work ahead while their results are taken in order."""

import collections
import concurrent.futures
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
