"""Where texts are embedded: in this process, in one process a device, or on a Ray cluster.

A runner is given tokenised texts by the window and returns their vectors in the same order. What it
returns is a function of a window's texts alone: who computes it, and how many there are, is not
seen in the bytes.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import importlib.metadata
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tma_prep.device import resolve_devices
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import ResolvedModel, resolve_model
from tma_prep.embeddings.tokens import TokenLists
from tma_prep.errors import DependencyError, OptionError
from tma_prep.parallel import end_with_parent, in_turn
from tma_prep.ray import Cluster, gpu_here
from tma_prep_schemas.manifests import Option

Vectors = NDArray[np.float32]

_LIBRARIES = ("tma-prep", "numpy", "torch", "transformers", "sentence-transformers")
"""Those that bear on a vector; the tokenizer works here."""
_MOST_KEPT = 8
"""Encoders of a worker, one for each GPU of a machine: Ray gives a process now one, now another."""


class Runner:
    """Embeds windows in this process; a context that holds what it starts.

    Attributes:
        encoder: One here, for its tokenizer.
        workers: How many windows are worked on at once.
        described: How texts are encoded, for a manifest.
    """

    encoder: Encoder
    workers: int
    described: dict[str, Option]

    def __init__(self, encoder: Encoder, workers: int = 1) -> None:
        """Take a loaded encoder."""
        self.encoder, self.workers, self.described = encoder, workers, encoder.described

    def __enter__(self) -> Self:
        """Start what is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it; what it was at is dropped."""

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
        for window in windows:
            yield self.encoder.vectors(window, on_done)


class ProcessRunner(Runner):
    """One process a device."""

    def __init__(self, settings: Sequence[EncoderSettings]) -> None:
        """Name what each process runs; they start when entered."""
        super().__init__(Encoder(settings[0]), len(settings))
        self._settings = settings

    def __enter__(self) -> Self:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")
        waiting = context.Queue()
        for settings in self._settings:
            waiting.put(settings)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            self.workers, context, initializer=_load_here, initargs=(waiting,)
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(
        self, windows: Iterable[TokenLists], on_done: Callable[[int], None]
    ) -> Iterator[Vectors]:
        """See `Runner.run`."""
        try:
            for vectors in in_turn(self._pool, _vectors_here, windows, 2 * self.workers):
                on_done(len(vectors))
                yield vectors
        except BrokenProcessPool as error:
            raise DependencyError(
                "a process of --device ended unasked, perhaps for want of memory; run the same "
                "command again to go on, with fewer devices if it happens again"
            ) from error


_here: list[Encoder] = []
"""The encoder of a worker process, once it is loaded."""


def _load_here(waiting: "multiprocessing.Queue[EncoderSettings]") -> None:
    end_with_parent()
    _here.append(Encoder(waiting.get()))


def _vectors_here(texts: TokenLists) -> Vectors:
    return _here[0].vectors(texts)


class RayRunner(Runner):
    """One task a GPU where the cluster has GPUs, one a CPU core elsewhere.

    A worker keeps its encoder for the next task. It reads the model from the folder that the model
    has here, or finds it by its name as `--model` does, and refuses weights with another SHA-256
    and libraries of another version: they would make other bytes than the manifest says. The dtype
    `auto` is resolved by the worker that is asked first, and is the same for all.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        """Take the model; the cluster is connected when entered.

        Raises:
            OptionError: The device is a particular one.
        """
        if settings.device not in ("auto", "cpu", "cuda"):
            raise OptionError(
                f"--device {settings.device}: Ray chooses among the devices of a cluster; use "
                "auto, cpu or cuda"
            )
        self._settings = settings
        self._cluster = Cluster()

    def __enter__(self) -> Self:
        """Connect, and let one worker load the model.

        Raises:
            DependencyError: No cluster answers, or a worker cannot load the model.
            OptionError: The cluster has no such device.
        """
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(self._cluster)
            self._gpu = self._settings.device != "cpu" and cluster.slots(gpu=True) > 0
            if self._settings.device == "cuda" and not self._gpu:
                raise OptionError("--device cuda: the Ray cluster has no GPU; use auto or cpu")
            self.workers = max(1, cluster.slots(gpu=self._gpu))
            job = _Job(self._settings, "cuda" if self._gpu else "cpu")
            (self.described,) = cluster.in_order(_describe, job, [None], gpu=self._gpu)
            dtype: Any = self.described["dtype"]
            self._job = dataclasses.replace(
                job, settings=dataclasses.replace(self._settings, dtype=dtype)
            )
            self.encoder = Encoder(
                dataclasses.replace(self._settings, device="cpu", dtype="float32")
            )
            self._entered = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._entered.close()

    def run(
        self, windows: Iterable[TokenLists], on_done: Callable[[int], None]
    ) -> Iterator[Vectors]:
        """See `Runner.run`."""
        for vectors in self._cluster.in_order(_vectors, self._job, windows, gpu=self._gpu):
            on_done(len(vectors))
            yield vectors


def _versions() -> tuple[str, ...]:
    """Public versions: builds for CPU and GPU differ in what follows the plus sign."""
    return tuple(importlib.metadata.version(name).partition("+")[0] for name in _LIBRARIES)


@dataclasses.dataclass(frozen=True)
class _Job:
    """What a worker of the cluster needs to make its encoder.

    Attributes:
        settings: But for its device and threads.
        kind: `cuda` or `cpu`.
        versions: Of `_LIBRARIES` here.
    """

    settings: EncoderSettings
    kind: str
    versions: tuple[str, ...] = dataclasses.field(default_factory=_versions)


def _describe(job: _Job, _: None) -> dict[str, Option]:
    """A task: how texts are encoded there, by an encoder that is not kept."""
    return _load(job, _device_here(job)).described


def _vectors(job: _Job, texts: TokenLists) -> Vectors:
    """A task: the vectors of a window."""
    return _loaded(job, _device_here(job)).vectors(texts)


def _device_here(job: _Job) -> str:
    return gpu_here() if job.kind == "cuda" else "cpu"


def _load(job: _Job, device: str) -> Encoder:
    for name, wanted, found in zip(_LIBRARIES, job.versions, _versions(), strict=True):
        if wanted != found:
            raise DependencyError(
                f"a node of the Ray cluster has {name} {found}, and {wanted} is used here; "
                "install the same version on all"
            )
    model = _model_here(job.settings.model)
    return Encoder(dataclasses.replace(job.settings, model=model, device=device, threads=1))


_loaded = functools.lru_cache(_MOST_KEPT)(_load)


def _model_here(model: ResolvedModel) -> ResolvedModel:
    """The same model on this machine; a hub name means the same everywhere.

    Raises:
        DependencyError: It is another one, or there is none.
    """
    if not model.sha256:
        return model
    name = model.location if Path(model.location).is_dir() else model.name
    found = resolve_model(name, trusted=model.trusted)
    if found.sha256 != model.sha256:
        raise DependencyError(
            f"--model {model.name}: a node of the Ray cluster has other weights (SHA-256 "
            f"{found.sha256[:12] or 'unknown'}, not {model.sha256[:12]}); put the same folder there"
        )
    return dataclasses.replace(found, name=model.name)


def open_runner(settings: EncoderSettings, *, engine: str) -> Runner:
    """The runner that the options ask for; it starts when entered.

    Args:
        settings: What every encoder is made of; its device may be several, see `resolve_devices`.
        engine: `local` or `ray`.

    Raises:
        DependencyError: The model cannot be loaded, or Ray is not installed.
        OptionError: A device is not there.
    """
    if engine == "ray":
        return RayRunner(settings)
    devices = resolve_devices(settings.device)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    each = [dataclasses.replace(settings, device=name, threads=threads) for name in devices]
    return ProcessRunner(each) if len(each) > 1 else Runner(Encoder(each[0]))
