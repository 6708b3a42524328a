"""Two processes on the CPU, joined by gloo, that train one scenario after the other."""

import json
import os
import socket
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.spawn import spawn

WORLD = 2


def run_ranks(work: Callable[..., None], *arguments: object) -> None:
    """Run a function in two fresh processes; the first that fails ends both.

    Raises:
        ProcessRaisedException: One failed; the text holds its traceback.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn(_rank, (port, work, arguments), nprocs=WORLD)  # type: ignore[no-untyped-call]


def _rank(rank: int, port: int, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(WORLD),
        "LOCAL_WORLD_SIZE": str(WORLD),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    torch.set_num_threads(1)
    work(rank, *arguments)


def train_all(rank: int, shards: Path, folder: Path, scenarios: dict[str, dict[str, Any]]) -> None:
    """Train every scenario; what this process saw, and the error or warnings, go to files.

    A scenario is `TrainingArguments`, and `rows` (which of the shards'), `files` (so many, to be
    streamed) and `on_error`.

    Raises:
        OrderError: A scenario's name ends in `!`, and its error is to end the process.
    """
    from tests.order_check.test_transformers_trainer import make_trainer, train
    from tests.order_check.tiny import Seen, read_whole, tokenized
    from tma_prep.errors import OrderError
    from tma_prep.order_check import OrderWarning, attach

    whole = tokenized(read_whole(shards, folder / f"cache-{rank}"))
    for name, scenario in scenarios.items():
        settings = dict(scenario)
        rows = whole.select(settings.pop("rows", range(len(whole))))
        files = settings.pop("files", None)
        if files is not None:
            rows = rows.to_iterable_dataset(num_shards=files)
        on_error = settings.pop("on_error", "stop")
        trainer = make_trainer(folder / f"{name}-{rank}", rows, **settings)
        attach(trainer, shards, folder / name / "log", on_error=on_error)
        seen = Seen(shards)
        told = []
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                train(trainer, seen)
            except OrderError as error:
                if name.endswith("!"):
                    raise
                told.append(str(error))
        told += [str(each.message) for each in warned if each.category is OrderWarning]
        result = {"batches": seen.batches, "told": told}
        path = folder / name / f"rank-{rank}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result), encoding="utf-8")
