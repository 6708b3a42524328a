"""Embedding on a Ray cluster: every window is a task, wherever there is room.

Ray runs a task again whose node went away, and the vectors are a function of the window alone, so
the store is the same whatever happened on the way.
"""

import contextlib
import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import ResolvedModel, resolve_model
from tma_prep.embeddings.tokens import TokenLists
from tma_prep.errors import DependencyError, OptionError
from tma_prep.ray import Cluster, gpu_here
from tma_prep_schemas.manifests import Option

_LIBRARIES = ("tma-prep", "numpy", "torch", "transformers", "sentence-transformers")
"""Those that bear on a vector; the tokenizer works here."""

_MOST_KEPT = 8
"""Encoders of a worker, one for each GPU of a machine: Ray gives a process now one, now another."""


@dataclass(frozen=True)
class _Job:
    """What a worker needs to make its encoder.

    Attributes:
        settings: The device is a kind, `cuda` or `cpu`.
        versions: Of `_LIBRARIES` here.
    """

    settings: EncoderSettings
    versions: tuple[str, ...]


class RayRunner:
    """See `Runner`. One task a GPU where the cluster has GPUs, one a CPU core elsewhere.

    A worker keeps its encoder for the next task. It reads the model from the folder that the model
    has here, or finds it by its name as `--model` does, and refuses weights with another SHA-256
    and libraries of another version: they would make other bytes than the manifest says. The dtype
    `auto` is resolved by the worker that is asked first, and is the same for all.
    """

    encoder: Encoder
    workers: int
    described: dict[str, Option]

    def __init__(self, settings: EncoderSettings, address: str | None) -> None:
        """Name the cluster; it is connected when entered.

        Raises:
            OptionError: The device is a particular one.
        """
        if settings.device not in ("auto", "cpu", "cuda"):
            raise OptionError(
                f"--device {settings.device}: Ray chooses among the devices of a cluster; use "
                "auto, cpu or cuda"
            )
        self._settings = settings
        self._cluster = Cluster(address)

    def __enter__(self) -> Self:
        """Connect, and let one worker load the model.

        Raises:
            DependencyError: No cluster answers, or a worker cannot load the model.
            OptionError: The cluster has no such device.
        """
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(self._cluster)
            self._gpu = _on_gpus(self._settings.device, cluster)
            settings = dataclasses.replace(
                self._settings, device="cuda" if self._gpu else "cpu", threads=1
            )
            asked = _Job(settings, _versions())
            (self.described,) = cluster.in_order(_describe, asked, [None], gpu=self._gpu)
            dtype: Any = self.described["dtype"]
            self._job = dataclasses.replace(
                asked, settings=dataclasses.replace(settings, dtype=dtype)
            )
            self.workers = cluster.slots(gpu=self._gpu)
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
    ) -> Iterator[NDArray[np.float32]]:
        """See `Runner.run`."""
        for vectors in self._cluster.in_order(_vectors, self._job, windows, gpu=self._gpu):
            on_done(len(vectors))
            yield vectors


def _on_gpus(device: str, cluster: Cluster) -> bool:
    if device == "cuda" and not cluster.has_gpus:
        raise OptionError("--device cuda: the Ray cluster has no GPU; use auto or cpu")
    return device != "cpu" and cluster.has_gpus


def _versions() -> tuple[str, ...]:
    """Public versions: builds for CPU and GPU differ in what follows the plus sign."""
    return tuple(importlib.metadata.version(name).partition("+")[0] for name in _LIBRARIES)


def _describe(job: _Job, _: None) -> dict[str, Option]:
    """A task: how texts are encoded there, by an encoder that is not kept."""
    return _load(job, _device_here(job)).described


def _vectors(job: _Job, texts: TokenLists) -> NDArray[np.float32]:
    """A task: the vectors of a window."""
    return _encoder_here(job).vectors(texts)


def _encoder_here(job: _Job) -> Encoder:
    return _loaded(job, _device_here(job))


def _device_here(job: _Job) -> str:
    return gpu_here() if job.settings.device == "cuda" else "cpu"


def _load(job: _Job, device: str) -> Encoder:
    here = _versions()
    for name, wanted, found in zip(_LIBRARIES, job.versions, here, strict=True):
        if wanted != found:
            raise DependencyError(
                f"a node of the Ray cluster has {name} {found}, and {wanted} is used here; "
                "install the same version on all"
            )
    model = _model_here(job.settings.model)
    return Encoder(dataclasses.replace(job.settings, model=model, device=device))


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
