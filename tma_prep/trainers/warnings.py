"""What a user must know of an export, from its numbers."""

from collections.abc import Iterator

from tma_prep.options import ExportOptions
from tma_prep.trainers.forms import RowForm
from tma_prep.trainers.plan import RowPlan


def warnings_of(form: RowForm, plan: RowPlan, options: ExportOptions, rows: int) -> Iterator[str]:
    """Sentences, one a thing to know, the gravest first; `rows` are those exported."""
    trainer, batch = form.trainer, options.global_batch
    if plan.left_out:
        yield (
            f"{len(plan.left_out)} rows were left out (skipped.jsonl names them), so that the "
            "positions have gaps."
        )
    if plan.cut_rows:
        yield (
            f"The last {plan.cut_rows} rows of the order, from tma_position {plan.stop} on, were "
            f"left out, so that global batches of {batch} rows divide the rest."
        )
    elif batch is None:
        yield f"The global batch is not known (--global-batch). {trainer.tail}"
    elif rows % batch:
        yield (
            f"Global batches of {batch} rows leave {rows % batch} of {rows} rows over. "
            f"{trainer.tail}"
        )
    if options.packing:
        yield trainer.packing
    formats = [layout.format for layout in form.reader.layouts]
    if form.name != "whole" and "natural-instructions" in formats:
        yield "Of several accepted answers of a row the first goes along."
    if form.columns_left:
        shown = ", ".join(form.columns_left[:8]) + (", …" if len(form.columns_left) > 8 else "")
        yield f"Columns that the rows do not take along: {shown} (--keep COLUMN takes one along)."
    if form.traits.extras and form.name == "conversation" and not trainer.says_all:
        yield "Of a message role, text and calls go along, and whatever else it says does not."
    yield (
        f"Train one epoch: {trainer.title} repeats the same order in each, so that its end is "
        "followed by its beginning again."
    )
