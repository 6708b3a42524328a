"""One process of a check: loads the model once a task, trains, and leaves a file."""

import itertools
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow.parquet as pq
import safetensors.torch
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tma_prep.checks.data import encode_tests, read_shards, tokenizer_from_text
from tma_prep.checks.loop import Evaluation, TrainSettings, evaluation_steps, train_order
from tma_prep.checks.model import (
    autocast_wanted,
    load_causal_lm,
    load_model_tokenizer,
    tiny_llama,
    trainable_parameters,
    with_lora,
)
from tma_prep.checks.tasks import (
    TESTS,
    TEXTS,
    TOKENIZER,
    Evaluations,
    RunTask,
    ShardFiles,
    StartTask,
    Work,
    evaluations_file,
    read_evaluations,
    weights_file,
    write_evaluations,
)
from tma_prep.device import resolve_dtype
from tma_prep.durable import sync
from tma_prep.errors import OrderError
from tma_prep.parallel import end_with_parent
from tma_prep.rows import SampleReader
from tma_prep_schemas import ROW

Tell = Callable[[str, int, float | None], None]
"""Told the key of a task, the step it is at, and the mean test loss where it was taken."""

_ROWS_A_READ = 1024
_BASE_LEARNING_RATE = 2e-3


class Worker:
    """The tests and the tokenizer, loaded once, and what is done with a task."""

    def __init__(self, work: Work, device: str, tell: Tell) -> None:
        """Load what all tasks share.

        Args:
            work: What they share.
            device: `cpu`, `cuda:1` and the like.
            tell: Told of every step.
        """
        self._work, self._device, self._tell = work, device, tell
        self._tokenizer = load_tokenizer(work)
        table = pq.read_table(work.folder / TESTS)
        rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
        self._tests = encode_tests(self._tokenizer, rows, work.max_tokens).scored

    def make_start(self, task: StartTask) -> None:
        """Base training, where there is any, and the test loss before and after it."""
        model = self._untrained(task)
        parameters = trainable_parameters(model)
        rows = itertools.cycle(_texts(self._work, task.rows)) if task.steps else iter(())
        rate = _BASE_LEARNING_RATE
        settings = self._settings(max(1, task.steps), rate, model)
        wanted = [0, task.steps] if task.steps else [0]
        found = train_order(
            "base",
            rows,
            self._tests,
            model,
            self._tokenizer,
            settings,
            evaluate_at=wanted,
            on_step=lambda: self._tell(task.key, 1, None),
        )
        # Without base training the loop is left where it stands: nothing is trained.
        kept = list(itertools.islice(found, len(wanted)))
        if task.steps:
            path = weights_file(self._work.folder, task.key)
            partial = path.with_name(f".{path.name}.partial")
            safetensors.torch.save_file(_trained(model), partial)
            sync(partial)
            partial.replace(path)
        self._leave(task.key, kept, parameters)

    def run(self, task: RunTask) -> None:
        """Train on one order, and leave the evaluations from the start's on."""
        model = self._start(task.start)
        steps = -(-len(task.rows) // self._work.batch_size)
        settings = self._settings(steps, self._work.learning_rate, model)
        first = read_evaluations(evaluations_file(self._work.folder, task.start.key))
        assert first is not None, "a start is finished before its orders begin"
        rows = (
            _texts(self._work, task.rows)
            if task.shards is None
            else _from_shards(task.shards, task.rows)
        )
        found = []
        for evaluation in train_order(
            task.order,
            rows,
            self._tests,
            model,
            self._tokenizer,
            settings,
            evaluate_at=evaluation_steps(steps)[1:],
            on_step=lambda: self._tell(task.key, 1, None),
        ):
            found.append(evaluation)
            self._tell(task.key, 0, float(evaluation.losses.mean()))
        self._leave(task.key, found, trainable_parameters(model))

    def _untrained(self, task: StartTask) -> PreTrainedModel:
        if self._work.model is None:
            model: PreTrainedModel = tiny_llama(
                len(self._tokenizer), self._work.max_tokens, task.seed
            )
        else:
            model = load_causal_lm(self._work.model, trusted=self._work.trusted)
        return model if self._work.lora is None else with_lora(model, self._work.lora, task.seed)

    def _start(self, task: StartTask) -> PreTrainedModel:
        model = self._untrained(task)
        if task.steps:
            weights = safetensors.torch.load_file(weights_file(self._work.folder, task.key))
            with torch.no_grad():
                for name, weight in _trained(model).items():
                    weight.copy_(weights[name])
        return model

    def _settings(self, steps: int, learning_rate: float, model: PreTrainedModel) -> TrainSettings:
        return TrainSettings(
            steps=steps,
            batch_size=self._work.batch_size,
            learning_rate=learning_rate,
            max_tokens=self._work.max_tokens,
            device=self._device,
            bfloat16=autocast_wanted(model) and resolve_dtype("auto", self._device) == "bfloat16",
        )

    def _leave(self, key: str, found: Sequence[Evaluation], parameters: int) -> None:
        write_evaluations(
            evaluations_file(self._work.folder, key),
            Evaluations(
                step=np.array([one.step for one in found], dtype=np.int32),
                rows_seen=np.array([one.rows_seen for one in found], dtype=np.int64),
                response_tokens_seen=np.array(
                    [one.response_tokens_seen for one in found], dtype=np.int64
                ),
                losses=np.array([one.losses for one in found], dtype=np.float64),
                parameters=parameters,
            ),
        )


def load_tokenizer(work: Work) -> PreTrainedTokenizerFast:
    """The tokenizer of a check: the model's own, or the one trained on the pool."""
    if work.model is not None:
        return load_model_tokenizer(work.model, trusted=work.trusted)
    return tokenizer_from_text((work.folder / TOKENIZER).read_text(encoding="utf-8"))


def _trained(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Every weight that training changes; one that is used twice stands once."""
    return {
        name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad
    }


def _texts(work: Work, rows: NDArray[np.int64]) -> Iterator[Sequence[str]]:
    """The turns of drawn rows in sequence."""
    wanted = set(rows.tolist())
    found: dict[int, Sequence[str]] = {}
    with pq.ParquetFile(work.folder / TEXTS) as source:
        for batch in source.iter_batches(batch_size=_ROWS_A_READ):
            columns = (batch.column(name).to_pylist() for name in (ROW, "turns"))
            found |= {row: turns for row, turns in zip(*columns, strict=True) if row in wanted}
    return (found[row] for row in rows.tolist())


def _from_shards(shards: ShardFiles, rows: NDArray[np.int64]) -> Iterator[Sequence[str]]:
    """The turns of these rows of the shards, in the order of the shards.

    Read by the public columns alone, from the top; `read_shards` holds every row to its position.

    Raises:
        OrderError: The shards give the rows in another sequence.
    """
    reader = SampleReader(shards.layouts)
    wanted = rows.tolist()
    members = set(wanted)
    taken = 0
    for row in read_shards(shards.folder, shards.names):
        if taken == len(wanted):
            return
        if row[ROW] not in members:
            continue
        if row[ROW] != wanted[taken]:
            raise OrderError(
                f"{shards.folder}: {ROW} {wanted[taken]} was expected and {row[ROW]} found; "
                "the rows are out of order: run arrange again"
            )
        yield reader.read(row, wanted[taken]).turns
        taken += 1


_here: list[Worker] = []
"""What this process works with, once it is loaded."""


def load_here(
    work: Work,
    devices: "multiprocessing.Queue[str]",
    events: "multiprocessing.Queue[tuple[str, int, float | None]]",
) -> None:
    """Make this process one that trains, on a device of its own."""
    # Ctrl-C reaches every process of a terminal; the one that was asked ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    device = devices.get()
    if device == "cpu":
        # One thread each in two processes is faster than two threads in one, and the numbers do
        # not hang on how many cores there are.
        torch.set_num_threads(1)
    _here.append(Worker(work, device, lambda *event: events.put(event)))


def make_start_here(task: StartTask) -> None:
    """See `Worker.make_start`."""
    _here[0].make_start(task)


def run_here(task: RunTask) -> None:
    """See `Worker.run`."""
    _here[0].run(task)
