"""transformers' `Trainer`, run for real: which settings keep the order, and that others are caught.

What came is read off the model's `input_ids`, not off the checker.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    DataCollatorForLanguageModeling,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from tests.order_check.tiny import ON_CPU, ROWS, Rows, Seen, make_model, make_tokenizer, tokenized
from tma_prep.errors import ArtifactError, OptionError, OrderError
from tma_prep.order_check import OrderWarning, attach
from tma_prep.shards.reader import open_shards
from tma_prep.trainers.consumed import compare

pytestmark = pytest.mark.slow

BATCH = 2
IN_ORDER = list(range(ROWS))


def make_trainer(folder: Path, rows: Rows, **settings: Any) -> Trainer:  # noqa: ANN401
    """A trainer of these rows; sequential and of one epoch unless told otherwise."""
    given = {
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
    }
    return Trainer(
        model=make_model(),
        args=TrainingArguments(str(folder / "out"), **ON_CPU | given | settings),
        train_dataset=rows,
        eval_dataset=rows.take(6),
        data_collator=DataCollatorForLanguageModeling(make_tokenizer(), mlm=False),
    )


def train(trainer: Trainer, seen: Seen, checkpoint: Path | None = None) -> list[int]:
    """Train, and say which rows the model saw."""
    assert trainer.model is not None
    with seen.by(trainer.model):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return seen.positions


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"gradient_accumulation_steps": 5},
        {"dataloader_num_workers": 2},
        {"dataloader_drop_last": True, "per_device_train_batch_size": 5},
        {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 2},
        {"remove_unused_columns": True, "eval_strategy": "steps", "eval_steps": 9},
        {"label_smoothing_factor": 0.1},
    ],
    ids=lambda settings: "+".join(settings) or "plain",
)
def test_sequential_keeps_the_order(
    tmp_path: Path, shards: Path, tokens: Rows, settings: dict[str, Any]
) -> None:
    """And the checker takes nothing away from the model, or from the order."""
    trainer = make_trainer(tmp_path, tokens, **settings)
    attach(trainer, shards, tmp_path / "log")
    seen = train(trainer, Seen(shards))
    dropped = 3 if "dataloader_drop_last" in settings else 0
    assert seen == IN_ORDER[: ROWS - dropped]
    found = compare(tmp_path / "log", open_shards(shards))
    assert found.findings == []
    assert found.facts.rows == ROWS - dropped
    assert found.facts.whole == (not dropped)


@pytest.mark.parametrize("strategy", [None, "random", "group_by_length", "batch_rebalance"])
@pytest.mark.parametrize("batch", [1, 4])
def test_other_samplers_are_caught_at_once(
    tmp_path: Path, shards: Path, tokens: Rows, strategy: str | None, batch: int
) -> None:
    """`None` is what the trainer does by default."""
    strategy = strategy or TrainingArguments(str(tmp_path)).train_sampling_strategy
    trainer = make_trainer(
        tmp_path, tokens, per_device_train_batch_size=batch, train_sampling_strategy=strategy
    )
    attach(trainer, shards)
    seen = Seen(shards)
    cause = "random sampler" if strategy == "random" else f'train_sampling_strategy="{strategy}"'
    with pytest.raises(OrderError, match=f'{cause} .*set train_sampling_strategy="sequential"'):
        train(trainer, seen)
    # It stopped before the model saw the batch that was wrong.
    assert seen.positions == IN_ORDER[: len(seen.positions)]
    assert len(seen.positions) < ROWS / 2


def test_it_warns_once_and_goes_on_where_asked_to(
    tmp_path: Path, shards: Path, tokens: Rows
) -> None:
    """The log tells the whole truth afterwards."""
    trainer = make_trainer(tmp_path, tokens, train_sampling_strategy="random")
    attach(trainer, shards, tmp_path / "log", on_error="warn")
    with pytest.warns(OrderWarning, match="random sampler") as warned:
        seen = train(trainer, Seen(shards))
    assert sum(issubclass(warning.category, OrderWarning) for warning in warned) == 1
    assert sorted(seen) == IN_ORDER != seen
    text = (tmp_path / "log" / "rank-00000-of-00001.jsonl").read_text("utf-8")
    logged = [
        int(n) for found in re.findall(r'"positions":\[(.*?)\]', text) for n in found.split(",")
    ]
    assert logged == seen
    assert "random sampler" in compare(tmp_path / "log", open_shards(shards)).findings[0]


@pytest.mark.parametrize("settings", [{"num_train_epochs": 2}, {"max_steps": ROWS // BATCH + 1}])
def test_a_second_epoch_is_refused_before_the_first(
    tmp_path: Path, shards: Path, tokens: Rows, settings: dict[str, Any]
) -> None:
    """The trainer's default is three."""
    trainer = make_trainer(tmp_path, tokens, **settings)
    attach(trainer, shards)
    with pytest.raises(OrderError, match="would begin again; set num_train_epochs=1"):
        train(trainer, Seen(shards))


def test_shuffled_and_filtered_rows_are_caught(tmp_path: Path, shards: Path, tokens: Rows) -> None:
    """Whatever the sampler is."""
    cases = {
        "the dataset is shuffled": tokens.shuffle(seed=1),
        "does not begin at the first row": tokens.skip(6),
        "a row came twice": tokens.select([*IN_ORDER[:6], *IN_ORDER[5:]]),
        "come backwards": tokens.select(IN_ORDER[::-1]),
        "did not come: filtered": tokens.select([n for n in IN_ORDER if n != 6]),
        "several files are read in turn": tokens.select([0, 1, 16, 17, 2, 3, 18, 19]),
    }
    for cause, rows in cases.items():
        trainer = make_trainer(tmp_path, rows, per_device_train_batch_size=4)
        attach(trainer, shards)
        with pytest.raises(OrderError, match=cause):
            trainer.train()


def test_without_the_column_there_is_no_proof(tmp_path: Path, shards: Path, tokens: Rows) -> None:
    """Said before anything is trained; and where the data was changed later, at the first step."""
    bare = tokens.remove_columns("tma_position")
    with pytest.raises(OrderError, match="have no column tma_position"):
        attach(make_trainer(tmp_path, bare), shards)
    trainer = make_trainer(tmp_path, tokens)
    attach(trainer, shards)
    with pytest.raises(OptionError, match="has an order check already"):
        attach(trainer, shards)
    trainer.train_dataset = bare
    with pytest.raises(OrderError, match="does not reach the training step"):
        trainer.train()


def test_rows_of_other_shards_are_caught(tmp_path: Path, shards: Path, tokens: Rows) -> None:
    """Their positions are right: at once by row or text; streamed, at the first batch."""
    numbers = tokens["tma_row"][:]
    trade = {3: 4, 4: 3}
    column = [numbers[trade.get(n, n)] for n in IN_ORDER]
    other = tokens.remove_columns("tma_row").add_column("tma_row", column)
    line = f"row {numbers[4]} came at tma_position 3 where the shards hold row {numbers[3]}: "
    with pytest.raises(OrderError, match=line + "the training reads other shards"):
        attach(make_trainer(tmp_path, other), shards)
    ids = [f"{n:032x}" for n in IN_ORDER]
    forged = tokens.remove_columns("tma_id").add_column("tma_id", ids)
    with pytest.raises(OrderError, match="tma_id 0{32} came at tma_position 0 where the shards"):
        attach(make_trainer(tmp_path, forged), shards)
    trainer = make_trainer(tmp_path, other.to_iterable_dataset(), max_steps=ROWS // BATCH)
    attach(trainer, shards)
    seen = Seen(shards)
    with pytest.raises(OrderError, match=line):
        train(trainer, seen)
    assert seen.positions == [0, 1]
    # In any order: what the sampler does is seen later.
    attach(make_trainer(tmp_path, tokens.shuffle(seed=1)), shards)


class _StopAt(TrainerCallback):
    """A training that is broken off."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        control.should_training_stop = state.global_step >= self._step


@pytest.fixture(scope="module")
def stopped(
    tmp_path_factory: pytest.TempPathFactory, shards: Path, tokens: Rows
) -> tuple[Path, list[int]]:
    """A training that saved after 3 of 12 steps and died after 5, with its log."""
    folder = tmp_path_factory.mktemp("stopped")
    trainer = make_trainer(folder, tokens, **_SAVING)
    trainer.add_callback(_StopAt(5))
    attach(trainer, shards, folder / "log")
    seen = train(trainer, Seen(shards))
    with (folder / "log" / "rank-00000-of-00001.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"kind":"batch","batch":10,"positions":[2')
    return folder, seen


_SAVING: dict[str, Any] = {
    "save_strategy": "steps",
    "save_steps": 3,
    "gradient_accumulation_steps": 2,
}


def _resumed(stopped: Path, tmp_path: Path, rows: Rows, **settings: Any) -> Trainer:  # noqa: ANN401
    """A new trainer, with a copy of the log."""
    (tmp_path / "log").mkdir()
    for path in (stopped / "log").iterdir():
        (tmp_path / "log" / path.name).write_bytes(path.read_bytes())
    return make_trainer(tmp_path, rows, **_SAVING | {"save_strategy": "no"} | settings)


def test_a_resumed_training_goes_on_in_the_order(
    tmp_path: Path, shards: Path, tokens: Rows, stopped: tuple[Path, list[int]]
) -> None:
    """What the dead run trained after its checkpoint is trained again, and the log is whole."""
    folder, before = stopped
    assert before == IN_ORDER[: 5 * 2 * BATCH]
    trainer = _resumed(folder, tmp_path, tokens)
    attach(trainer, shards, tmp_path / "log")
    seen = train(trainer, Seen(shards), folder / "out" / "checkpoint-3")
    assert seen == IN_ORDER[3 * 2 * BATCH :]
    found = compare(tmp_path / "log", open_shards(shards))
    assert found.findings == []
    assert found.facts.whole


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ignore_data_skip": True}, "set ignore_data_skip=False"),
        ({"per_device_train_batch_size": 4}, "resumed with 4 rows a micro-batch"),
        ({"gradient_accumulation_steps": 4}, "resumed with 2 rows a micro-batch, 4 micro-batches"),
        # One pass is then the 3 steps that the checkpoint has.
        ({"gradient_accumulation_steps": 8}, "resumed with 2 rows a micro-batch, 8 micro-batches"),
    ],
)
@pytest.mark.parametrize("with_log", [True, False])
def test_a_training_resumed_elsewhere_is_caught(
    tmp_path: Path,
    shards: Path,
    tokens: Rows,
    stopped: tuple[Path, list[int]],
    settings: dict[str, Any],
    why: str,
    with_log: bool,
) -> None:
    """With its log or without."""
    trainer = _resumed(stopped[0], tmp_path, tokens, **settings)
    attach(trainer, shards, tmp_path / "log" if with_log else None)
    with pytest.raises(OrderError, match=why):
        train(trainer, Seen(shards), stopped[0] / "out" / "checkpoint-3")


def test_the_log_of_another_training_is_not_continued(
    tmp_path: Path, shards: Path, tokens: Rows, stopped: tuple[Path, list[int]]
) -> None:
    """Of other shards, here."""
    path = tmp_path / "log" / "rank-00000-of-00001.jsonl"
    trainer = _resumed(stopped[0], tmp_path, tokens)
    path.write_text(re.sub("[0-9a-f]{64}", "0" * 64, path.read_text("utf-8")), encoding="utf-8")
    attach(trainer, shards, tmp_path / "log")
    with pytest.raises(ArtifactError, match="is the log of other shards"):
        trainer.train()


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_files_keep_the_order_with_one_worker_at_most(
    tmp_path: Path, shards: Path, workers: int
) -> None:
    """Two workers take files 0, 2 and file 1, and their batches are dealt in turn."""
    import datasets

    rows = datasets.load_dataset(
        "parquet", data_files=f"{shards}/*.parquet", split="train", streaming=True
    )
    trainer = make_trainer(
        tmp_path, tokenized(rows), max_steps=ROWS // BATCH, dataloader_num_workers=workers
    )
    attach(trainer, shards)
    if workers == 0:
        assert train(trainer, Seen(shards)) == IN_ORDER
        return
    with pytest.raises(OrderError, match="tma_position 2 was .* 16 came .* several workers"):
        train(trainer, Seen(shards))
