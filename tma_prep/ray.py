"""The one seam to Ray: tasks on a cluster, their results in order.

Ray runs a task again whose process or node went away, and makes a result again that was lost with
its node. A task here is a function of its arguments alone, so neither shows in what comes out.
"""

import collections
import contextlib
import functools
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar

from tma_prep.errors import DependencyError, OptionError, TmaPrepError

_MOST_RETRIES = 20
"""Of a task whose process or node went away; one that takes its process down each time must end."""
_ANSWER_SECONDS = 5.0
_GPU_TASK: dict[str, Any] = {
    "num_gpus": 1,
    "num_cpus": 0,  # a node may offer its GPUs alone
    "max_calls": 0,  # by default a process ends after a GPU task, and its model with it
    # Ray shows a task its GPU by an environment variable, which CUDA reads once in a process. Ours
    # keep their model for the next task, which may be given another GPU: they see all and choose.
    "runtime_env": {"env_vars": {"RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1"}},
}

_Shared = TypeVar("_Shared")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Cluster:
    """A Ray cluster, connected when first asked and until it is left.

    Ray tells of lost nodes on stdout, where the result belongs, and has no option against it: while
    the cluster is entered, stdout is stderr.
    """

    def __init__(self) -> None:
        """Take the cluster that `RAY_ADDRESS` names; without it one is started here."""
        self._address = os.environ.get("RAY_ADDRESS") or None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Connect to nothing yet: what is finished needs no cluster."""
        stderr = self._stack.enter_context(os.fdopen(os.dup(2), "w", buffering=1))
        self._stack.enter_context(contextlib.redirect_stdout(stderr))
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect, and stop what was started here."""
        self._stack.close()

    def slots(self, *, gpu: bool) -> int:
        """Tasks that have room at once, now: one a GPU, or one a CPU core."""
        return int(self._ray.cluster_resources().get("GPU" if gpu else "CPU", 0))

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
            items: Its second; taken only as far ahead as keeps the cluster busy.
            gpu: Each task has a GPU, see `gpu_here`; else a CPU core.

        Yields:
            The results in the order of the items. Their arrays are mapped, and read only.

        Raises:
            TmaPrepError: What a task raised.
            DependencyError: Ray is not installed, no cluster answers, or a task failed for another
                reason.
            OptionError: The address is none.
        """
        wants = _GPU_TASK if gpu else {"num_cpus": 1}
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

    @functools.cached_property
    def _ray(self) -> Any:  # noqa: ANN401 - a module of `Any`s
        """Ray, connected; a connection that is there already is used and left."""
        ray = _import_ray()
        if ray.is_initialized():
            return ray
        where: dict[str, Any] = {"address": "local", "include_dashboard": False}
        if self._address is not None:
            where = {"address": _answering(self._address)}
        with _undisturbed():
            try:
                ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **where)
            except ConnectionError:
                raise _no_cluster(self._address) from None
            except (RuntimeError, ValueError, OSError) as error:
                raise DependencyError(
                    f"--engine ray: Ray cannot be used ({_in_a_line(error)}); check the cluster "
                    "with ray status, and that it has this version of Ray and Python"
                ) from error
        self._stack.callback(ray.shutdown)
        return ray


def gpu_here() -> str:
    """Within a task: the GPU that Ray gave it, as torch calls it."""
    import torch

    given = str(_import_ray().get_gpu_ids()[0])
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    place = shown.index(given) if given in shown else int(given) if given.isdigit() else 0
    return f"cuda:{place if place < torch.cuda.device_count() else 0}"


def _import_ray() -> Any:  # noqa: ANN401
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


def _answering(address: str) -> str:
    """The address, once something listens there; Ray itself asks for minutes before it gives up.

    Raises:
        OptionError: It is no address.
        DependencyError: Nothing listens.
    """
    if address == "auto":
        return address
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise OptionError(
            f"RAY_ADDRESS={address}: must be auto, or host:port of the cluster's head, as in "
            "10.0.0.1:6379, and not Ray's client (ray://)"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError):
        raise _no_cluster(address) from None
    return address


def _no_cluster(address: str | None) -> DependencyError:
    return DependencyError(
        f"RAY_ADDRESS={address}: no Ray cluster answers there; start one with ray start --head, or "
        "unset it and one is started here"
    )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep stderr, and our answer to a polite kill, from `ray.init`.

    Its native part writes a line to stderr when a log level is set, below what Python can turn.
    """
    answer, stderr = signal.getsignal(signal.SIGTERM), os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, answer)


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
