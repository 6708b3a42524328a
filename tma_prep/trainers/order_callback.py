"""What `tma_prep.order_check.attach` puts into a transformers `Trainer`."""

import math
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import has_length

from tma_prep.errors import OptionError, OrderError
from tma_prep.trainers.order_check import OrderCheck, PositionCollator
from tma_prep_schemas import POSITION, ROW

_NO_COLUMN = (
    f"the training rows have no column {POSITION}: train on the rows of the shards, and let the "
    f"column stand where you map them (no remove_columns)"
)
_PACKED = (
    f"SFTTrainer's packing takes {POSITION} away, so that no order can be proven, and "
    'packing_strategy="{strategy}" {does}: set packing=False, or pack in order beforehand'
)
_PACKING_DOES = {"wrapped": "cuts rows in two, though it keeps their order"}
_PACKING_SORTS = "sorts rows by length"
_NEVER_ARRIVED = (
    f"{POSITION} does not reach the training step: attach the order check after the trainer's "
    "data_collator is set, and leave train_dataset as it was then"
)
_IN_CHECKPOINT = "tma_prep.order_check"
"""Where a checkpoint's `trainer_state.json` says how rows were shared out, under
`stateful_callbacks`."""


def attach_to(trainer: Trainer, check: OrderCheck) -> None:
    """Wrap what a batch passes on its way into a training step.

    Raises:
        OrderError: The training rows have no column `tma_position`, or are not those of the shards.
        ArtifactError: A file of the shards is missing or damaged.
        OptionError: The trainer is checked already, or shares batches in a way not checked.
    """
    if isinstance(trainer.data_collator, PositionCollator):
        raise OptionError("the trainer has an order check already; attach one only")
    columns = getattr(trainer.train_dataset, "column_names", None)
    if columns is not None and POSITION not in columns:
        raise OrderError(_packed(trainer) or _NO_COLUMN)
    if trainer.get_tp_size() * trainer.get_cp_size() * trainer.get_sp_size() > 1:
        raise OptionError(
            "processes that work on the same batch (tensor, context or sequence parallel) are not "
            "checked; data parallel ones are"
        )
    wrong = check.row_numbers.wrong_in(trainer.train_dataset)
    if wrong is not None:
        check.report(wrong)
    trainer.data_collator = PositionCollator(trainer.data_collator, (POSITION, ROW))
    if trainer.args.remove_unused_columns:
        trainer._set_signature_columns_if_needed()
        kept: list[str] = trainer._signature_columns or []
        trainer._signature_columns = [*kept, POSITION, ROW]  # type: ignore[assignment]
    trainer.add_callback(_Checking(trainer, check))


class _Checking(TrainerCallback):
    """Takes the positions out of every batch just before it is trained."""

    def __init__(self, trainer: Trainer, check: OrderCheck) -> None:
        self._trainer = trainer
        self._check = check
        self._begun = False
        self._training_step = trainer.training_step
        self._prediction_step = trainer.prediction_step
        trainer.training_step = self.training_step  # type: ignore[method-assign]
        trainer.prediction_step = self.prediction_step  # type: ignore[method-assign]

    def training_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        """Check the micro-batch, then let the trainer train it as if it had never been marked."""
        positions, rows = inputs.pop(POSITION, None), inputs.pop(ROW, None)
        if positions is None:
            raise OrderError(_packed(self._trainer) or _NEVER_ARRIVED)
        held = positions.tolist()
        if not self._begun:
            self._begin(len(held))
        self._check.take(held, None if rows is None else rows.tolist())
        return self._training_step(model, inputs, *rest, **named)

    def prediction_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        """Evaluation batches are none of the order's."""
        inputs.pop(POSITION, None)
        inputs.pop(ROW, None)
        return self._prediction_step(model, inputs, *rest, **named)

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Say at once what would come out of order at the end of the training only."""
        self._begun = False
        self._compare_with_checkpoint()
        foreseen = _foreseen(self._trainer, self._check.shards.rows)
        if foreseen is not None:
            self._check.report(foreseen)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Close the log."""
        self._check.end()

    def _begin(self, rows: int) -> None:
        trainer, args = self._trainer, self._trainer.args
        rows_per_batch = _rows_per_batch(trainer)
        self._check.begin(
            rank=args.process_index,
            world_size=args.world_size,
            # More rows than that can be only where a feature is a pack of rows.
            rows_per_batch=None if rows > rows_per_batch else rows_per_batch,
            batches_per_step=args.gradient_accumulation_steps,
            first_batch=trainer.state.global_step * args.gradient_accumulation_steps,
            # It is of no effect where rows are streamed.
            sampling=args.train_sampling_strategy if has_length(trainer.train_dataset) else None,
        )
        self._begun = True

    def _compare_with_checkpoint(self) -> None:
        """How rows are shared out must be what it was, or the trainer skips other rows.

        Before any step, as larger batches may leave none.
        """
        args = self._trainer.args
        shared = {
            "rows a micro-batch": _rows_per_batch(self._trainer),
            "micro-batches a step": args.gradient_accumulation_steps,
            "processes": args.world_size,
        }
        states = self._trainer.state.stateful_callbacks
        assert isinstance(states, dict)  # transformers makes it one, whatever it was given
        before = states.get(_IN_CHECKPOINT, {}).get("attributes", shared)
        if self._trainer.state.global_step > 0 and before != shared:
            was, now = (
                ", ".join(f"{value} {name}" for name, value in facts.items())
                for facts in (before, shared)
            )
            self._check.report(
                f"the checkpoint was trained with {was}, and is resumed with {now}: the trainer "
                "skips other rows than it has trained; resume with the same"
            )
        states[_IN_CHECKPOINT] = {"args": {}, "attributes": shared}


def _packed(trainer: Trainer) -> str | None:
    """What SFTTrainer's packing does, if it packs."""
    if not getattr(trainer.args, "packing", False):
        return None
    strategy = getattr(trainer.args, "packing_strategy", "bfd")
    return _PACKED.format(strategy=strategy, does=_PACKING_DOES.get(strategy, _PACKING_SORTS))


def _rows_per_batch(trainer: Trainer) -> int:
    """Features of a micro-batch of one process, by what the trainer makes its data loader of."""
    args = trainer.args
    shared = trainer.get_total_train_batch_size(args) // args.gradient_accumulation_steps
    rows = shared // args.world_size
    return int(rows // args.world_size if trainer.accelerator.split_batches else rows)


def _foreseen(trainer: Trainer, rows_of_shards: int) -> str | None:
    """What the settings alone say will go wrong when all rows have come, or None."""
    args = trainer.args
    dataset = trainer.train_dataset
    rows = len(dataset) if has_length(dataset) else rows_of_shards
    size = _rows_per_batch(trainer)
    if args.dataloader_drop_last:
        batches = rows // size // args.world_size
    else:
        batches = math.ceil(rows / (size * args.world_size))
    steps = math.ceil(batches / args.gradient_accumulation_steps)
    if trainer.state.max_steps > steps:
        return (
            f"{trainer.state.max_steps} steps are asked for and one pass over {rows} rows is "
            f"{steps}: the same order would begin again; set num_train_epochs=1, or max_steps="
            f"{steps} at most"
        )
    refilled = trainer.accelerator.even_batches and not args.dataloader_drop_last
    over = rows % (size * args.world_size)
    if args.world_size > 1 and refilled and over and trainer.state.max_steps == steps:
        return (
            f"{rows} rows leave {over} for the last batches of {size} rows on {args.world_size} "
            "processes, which would be filled up with rows from the start (even_batches); set "
            "dataloader_drop_last=True"
        )
    return None
