"""Processes that are forked from one that has imported everything, and import nothing."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from unittest import mock

_LOADED = ["tests.faults.child", "tma_prep.checks.worker"]


def forkserver() -> ForkServerContext:
    """The one server of this process, whoever asks first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


@contextlib.contextmanager
def forked_workers() -> Iterator[None]:
    """The workers of a command that runs in here have torch from the start."""
    with mock.patch("multiprocessing.get_context", return_value=forkserver()):
        yield
