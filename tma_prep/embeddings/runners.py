"""Where texts are embedded: in this process, or in one process a device.

A runner is given tokenised texts by the window and returns their vectors in the same order. What it
returns is a function of a window's texts alone: who computes it, and how many there are, is not
seen in the bytes.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tma_prep.device import device_list
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.tokens import TokenLists
from tma_prep.errors import DependencyError
from tma_prep.parallel import end_with_parent, in_turn
from tma_prep_schemas.manifests import Option

Vectors = NDArray[np.float32]


class Runner(AbstractContextManager["Runner"], Protocol):
    """What embeds windows; a context that holds its processes.

    Attributes:
        encoder: One here, for its tokenizer.
        workers: How many windows are worked on at once.
        described: How texts are encoded, for a manifest.
    """

    encoder: Encoder
    workers: int
    described: dict[str, Option]

    def run(
        self, windows: Iterable[TokenLists], on_done: Callable[[int], None]
    ) -> Iterator[Vectors]:
        """Embed windows of tokenised texts.

        Args:
            windows: Taken a few ahead of what is returned.
            on_done: Told how many more texts are embedded.

        Yields:
            Of each window, in order, float32 unit vectors, shape (texts, d).
        """


class LocalRunner:
    """This process."""

    def __init__(self, encoder: Encoder) -> None:
        """Take a loaded encoder."""
        self.encoder = encoder
        self.workers = 1
        self.described = encoder.described

    def __enter__(self) -> Self:
        """Nothing to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to stop."""

    def run(
        self, windows: Iterable[TokenLists], on_done: Callable[[int], None]
    ) -> Iterator[Vectors]:
        """See `Runner.run`."""
        for window in windows:
            yield self.encoder.vectors(window, on_done)


class ProcessRunner:
    """One process a device."""

    def __init__(self, encoder: Encoder, settings: Sequence[EncoderSettings]) -> None:
        """Name what each process runs; they start when entered."""
        self._settings = tuple(settings)
        self.encoder = encoder
        self.workers = len(self._settings)
        self.described = encoder.described

    def __enter__(self) -> Self:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")
        waiting = context.Queue()
        for settings in self._settings:
            waiting.put(settings)
        self._workers = concurrent.futures.ProcessPoolExecutor(
            len(self._settings), context, initializer=_load_here, initargs=(waiting,)
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them; what they were at is dropped."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def run(
        self, windows: Iterable[TokenLists], on_done: Callable[[int], None]
    ) -> Iterator[Vectors]:
        """See `Runner.run`."""
        ahead = 2 * len(self._settings)
        try:
            for vectors in in_turn(self._workers, _vectors_here, windows, ahead):
                on_done(len(vectors))
                yield vectors
        except BrokenProcessPool as error:
            raise DependencyError(
                "a process of --devices ended unasked, perhaps for want of memory; run the same "
                "command again to go on, with fewer devices if it happens again"
            ) from error


_here: list[Encoder] = []
"""The encoder of a worker process, once it is loaded."""


def _load_here(waiting: "multiprocessing.Queue[EncoderSettings]") -> None:
    end_with_parent()
    _here.append(Encoder(waiting.get()))


def _vectors_here(texts: TokenLists) -> Vectors:
    return _here[0].vectors(texts)


def open_runner(
    settings: EncoderSettings, *, devices: str | None, engine: str, address: str | None
) -> Runner:
    """The runner that the options ask for; it starts when entered.

    Args:
        settings: What every encoder is made of, but for its device.
        devices: None for this process; see `device_list`.
        engine: `local` or `ray`.
        address: Of the Ray cluster, None to start one here.

    Raises:
        DependencyError: The model cannot be loaded, or Ray is not installed.
        OptionError: A device is not there.
    """
    if engine == "ray":
        from tma_prep.embeddings.ray_runner import RayRunner

        return RayRunner(settings, address)
    if devices is None:
        return LocalRunner(Encoder(settings))
    named = device_list(devices)
    threads = max(1, (os.cpu_count() or 1) // len(named))
    each = [dataclasses.replace(settings, device=name, threads=threads) for name in named]
    return ProcessRunner(Encoder(each[0]), each)
