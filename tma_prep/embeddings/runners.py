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
from typing import Any, NamedTuple

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
OnDone = Callable[[int], None]

_LIBRARIES = ("tma-prep", "numpy", "torch", "transformers", "sentence-transformers")
"""Those that bear on a vector; the tokenizer works here."""
_MOST_KEPT = 8
"""Encoders of a worker, one for each GPU of a machine: Ray gives a process now one, now another."""


@dataclasses.dataclass(frozen=True)
class Runner:
    """Embeds windows of tokenised texts.

    Attributes:
        encoder: One here, for its tokenizer.
        described: How texts are encoded, for a manifest.
        run: Takes windows, a few ahead of what it returns, and a function that is told how many
            more texts are embedded; yields of each window, in order, float32 unit vectors, shape
            (texts, d).
        workers: How many windows are worked on at once.
    """

    encoder: Encoder
    described: dict[str, Option]
    run: Callable[[Iterable[TokenLists], OnDone], Iterator[Vectors]]
    workers: int = 1


@contextlib.contextmanager
def open_runner(settings: EncoderSettings, *, engine: str) -> Iterator[Runner]:
    """The runner that the options ask for; what it starts is stopped on leaving.

    Args:
        settings: What every encoder is made of; its device may be several, see `resolve_devices`.
        engine: `local` or `ray`.

    Raises:
        DependencyError: The model cannot be loaded, Ray is not installed or no cluster answers.
        OptionError: A device is not there.
    """
    if engine == "ray":
        with _on_ray(settings) as runner:
            yield runner
        return
    devices = resolve_devices(settings.device)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    each = [dataclasses.replace(settings, device=name, threads=threads) for name in devices]
    encoder = Encoder(each[0])
    if len(each) > 1:
        with _in_processes(encoder, each) as runner:
            yield runner
        return

    def run(windows: Iterable[TokenLists], on_done: OnDone) -> Iterator[Vectors]:
        return (encoder.vectors(window, on_done) for window in windows)

    yield Runner(encoder, encoder.described, run)


@contextlib.contextmanager
def _in_processes(encoder: Encoder, settings: Sequence[EncoderSettings]) -> Iterator[Runner]:
    """One process a device."""
    context = multiprocessing.get_context("spawn")
    waiting = context.Queue()
    for each in settings:
        waiting.put(each)
    pool = concurrent.futures.ProcessPoolExecutor(
        len(settings), context, initializer=_load_here, initargs=(waiting,)
    )

    def run(windows: Iterable[TokenLists], on_done: OnDone) -> Iterator[Vectors]:
        try:
            for vectors in in_turn(pool, _vectors_here, windows, 2 * len(settings)):
                on_done(len(vectors))
                yield vectors
        except BrokenProcessPool as error:
            raise DependencyError(
                "a process of --device ended unasked, perhaps for want of memory; run the same "
                "command again to go on, with fewer devices if it happens again"
            ) from error

    try:
        yield Runner(encoder, encoder.described, run, len(settings))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_here: list[Encoder] = []
"""The encoder of a worker process, once it is loaded."""


def _load_here(waiting: "multiprocessing.Queue[EncoderSettings]") -> None:
    end_with_parent()
    _here.append(Encoder(waiting.get()))


def _vectors_here(texts: TokenLists) -> Vectors:
    return _here[0].vectors(texts)


@contextlib.contextmanager
def _on_ray(settings: EncoderSettings) -> Iterator[Runner]:
    """One task a GPU where the cluster has GPUs, one a CPU core elsewhere.

    A worker keeps its encoder for the next task. It reads the model from the folder that the model
    has here, or finds it by its name as `--model` does, and refuses weights with another SHA-256
    and libraries of another version: they would make other bytes than the manifest says. The dtype
    `auto` is resolved by the worker that is asked first, and is the same for all.
    """
    if settings.device not in ("auto", "cpu", "cuda"):
        raise OptionError(
            f"--device {settings.device}: Ray chooses among the devices of a cluster; use "
            "auto, cpu or cuda"
        )
    with Cluster() as cluster:
        gpu = settings.device != "cpu" and cluster.slots(gpu=True) > 0
        if settings.device == "cuda" and not gpu:
            raise OptionError("--device cuda: the Ray cluster has no GPU; use auto or cpu")
        asked = _Job(settings, "cuda" if gpu else "cpu", _versions())
        (described,) = cluster.in_order(_describe, asked, [None], gpu=gpu)
        dtype: Any = described["dtype"]
        job = asked._replace(settings=dataclasses.replace(settings, dtype=dtype))

        def run(windows: Iterable[TokenLists], on_done: OnDone) -> Iterator[Vectors]:
            for vectors in cluster.in_order(_vectors, job, windows, gpu=gpu):
                on_done(len(vectors))
                yield vectors

        encoder = Encoder(dataclasses.replace(settings, device="cpu", dtype="float32"))
        yield Runner(encoder, described, run, max(1, cluster.slots(gpu=gpu)))


def _versions() -> tuple[str, ...]:
    """Public versions: builds for CPU and GPU differ in what follows the plus sign."""
    return tuple(importlib.metadata.version(name).partition("+")[0] for name in _LIBRARIES)


class _Job(NamedTuple):
    """What a worker of the cluster needs to make its encoder.

    Attributes:
        settings: But for its device and threads.
        kind: `cuda` or `cpu`.
        versions: Of `_LIBRARIES` here.
    """

    settings: EncoderSettings
    kind: str
    versions: tuple[str, ...]


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
    found = resolve_model(model.name, trusted=model.trusted)
    if found.sha256 != model.sha256 and Path(model.location).is_dir():
        found = resolve_model(model.location, trusted=model.trusted)
    if found.sha256 != model.sha256:
        raise DependencyError(
            f"--model {model.name}: a node of the Ray cluster has other weights (SHA-256 "
            f"{found.sha256[:12] or 'unknown'}, not {model.sha256[:12]}); put the same folder there"
        )
    return dataclasses.replace(found, name=model.name)
