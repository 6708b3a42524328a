"""The one seam to Ray: tasks on a cluster, their results in order.

Ray runs a task again whose process or node went away, and makes a result again that was lost with
its node. A task here is a function of its arguments alone, so neither shows in what comes out.
"""

import collections
import contextlib
import logging
import os
import signal
import socket
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar

from tma_prep.errors import DependencyError, OptionError, TmaPrepError

_MOST_RETRIES = 20
"""Of a task whose process or node went away; one that takes its process down each time must end."""
_ANSWER_SECONDS = 5.0
_NO_BINDING = {"RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1"}
"""Ray shows a task its GPU by an environment variable, which CUDA reads once in a process. Ours
keep their model for the next task, which may be given another GPU: they see all and choose."""

_Shared = TypeVar("_Shared")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Cluster:
    """A Ray cluster, connected while it is entered."""

    def __init__(self, address: str | None) -> None:
        """Name the cluster.

        Args:
            address: `host:port`, `auto` for the one that this machine is part of, None to start
                one here.
        """
        self._address = address

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            DependencyError: Ray is not installed, or no cluster answers.
            OptionError: The address is none.
        """
        self._ray = _import_ray()
        self._connection: AbstractContextManager[None] = _connection(self._ray, self._address)
        self._connection.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect, and stop what was started here."""
        self._connection.__exit__(None, None, None)

    def slots(self, *, gpu: bool) -> int:
        """Tasks that have room at once, now: one a GPU, or one a CPU core."""
        return max(1, int(self._ray.cluster_resources().get("GPU" if gpu else "CPU", 0)))

    @property
    def has_gpus(self) -> bool:
        """Whether any node has one."""
        return bool(self._ray.cluster_resources().get("GPU", 0) >= 1)

    def in_order(
        self,
        function: Callable[[_Shared, _Item], _Result],
        shared: _Shared,
        items: Iterable[_Item],
        *,
        gpu: bool = False,
    ) -> Iterator[_Result]:
        """Call a function on every item, each as one task.

        Args:
            function: Of a module, and the same wherever it runs.
            shared: Its first argument, sent once to a node.
            items: Its second; taken only as far ahead as keeps the cluster busy, so that neither
                they nor the results fill the memory.
            gpu: Each task has a GPU, see `gpu_here`; else a CPU core.

        Yields:
            The results in the order of the items. Their arrays are mapped, and read only.

        Raises:
            TmaPrepError: What a task raised.
            DependencyError: A task failed for another reason.
        """
        # By default Ray ends a process after a GPU task, and the model would be loaded anew.
        wants: dict[str, Any] = (
            {
                "num_gpus": 1,
                "num_cpus": 0,  # a node may offer its GPUs alone
                "max_calls": 0,
                "runtime_env": {"env_vars": _NO_BINDING},
            }
            if gpu
            else {"num_cpus": 1}
        )
        task = self._ray.remote(max_retries=_MOST_RETRIES, **wants)(function)
        held = self._ray.put(shared)
        running: collections.deque[Any] = collections.deque()
        try:
            for item in items:
                running.append(task.remote(held, item))
                if len(running) >= 2 * self.slots(gpu=gpu):
                    yield self._result(running.popleft())
            while running:
                yield self._result(running.popleft())
        finally:
            for reference in running:
                self._ray.cancel(reference)

    def _result(self, reference: Any) -> Any:  # noqa: ANN401 - Ray's references have no type
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TmaPrepError):
                raise error.cause from None
            raise DependencyError(
                f"a task on the Ray cluster failed ({_in_a_line(error.cause or error)}); every "
                "node needs the same tma-prep and the same model"
            ) from error
        except self._ray.exceptions.RayError as error:
            raise DependencyError(
                f"the Ray cluster lost a task again and again ({_in_a_line(error)}); look at its "
                "nodes with ray status, and run the same command to go on"
            ) from error


def gpu_here() -> str:
    """Within a task: the GPU that Ray gave it, as torch calls it."""
    import torch

    given = str(_import_ray().get_gpu_ids()[0])
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    place = shown.index(given) if given in shown else int(given) if given.isdigit() else 0
    return f"cuda:{place if place < torch.cuda.device_count() else 0}"


def _import_ray() -> types.ModuleType:
    # What goes wrong on a node is told by this program, in a line, and not by Ray's own logs;
    # read while Ray is loaded. Nobody is told of a Ray that is started here.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise DependencyError("Ray is not installed; pip install 'tma-prep[ray]'") from error
    return ray


@contextlib.contextmanager
def _connection(ray: types.ModuleType, address: str | None) -> Iterator[None]:
    """Connect to a cluster or start one; a connection that is there already is used and left."""
    if ray.is_initialized():
        yield
        return
    if address is None:
        where: dict[str, Any] = {"address": "local", "include_dashboard": False}
    else:
        where = {"address": _answering(address)}
    with _silent():
        with _own_signals(), _no_stderr():
            try:
                ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **where)
            except (RuntimeError, ValueError, OSError) as error:
                raise DependencyError(
                    f"--engine ray: Ray cannot be used ({_in_a_line(error)}); check the cluster "
                    "with ray status, and that it has this version of Ray and Python"
                ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _answering(address: str) -> str:
    """The address, once something listens there; Ray itself asks for minutes before it gives up.

    Raises:
        OptionError: It is no address.
        DependencyError: Nothing listens.
    """
    from ray._private import services  # what `auto` means is told nowhere else

    if "://" in address:
        raise OptionError(
            f"--address {address}: must be host:port or auto; run tma-prep on a machine of the "
            "cluster in place of Ray's client"
        )
    try:
        found = str(services.canonicalize_bootstrap_address(address))
        host, _, port = found.rpartition(":")
        number = int(port)
    except ConnectionError:
        raise _no_cluster(address) from None
    except (ValueError, OSError):
        raise OptionError(
            f"--address {address}: must be host:port, as in 10.0.0.1:6379, or auto"
        ) from None
    try:
        socket.create_connection((host.strip("[]"), number), _ANSWER_SECONDS).close()
    except (OSError, OverflowError):
        raise _no_cluster(address) from None
    return found


def _no_cluster(address: str) -> DependencyError:
    return DependencyError(
        f"--address {address}: no Ray cluster answers there; start one with ray start --head, or "
        "leave --address out and one is started here"
    )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what Ray tells of lost nodes off stdout, where the result belongs.

    `log_to_driver` leaves these messages, and there is no option against them.
    """
    from ray._private import worker

    before = getattr(worker, "_worker_logs_enabled", True)
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Ray's native part writes a line there when a log level is set, below what Python can turn."""
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our answer to a polite kill; `ray.init` puts its own in place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
