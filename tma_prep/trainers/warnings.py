"""What a user must know of an export, from its numbers."""

from collections.abc import Iterator, Sequence

from tma_prep.trainers.trainer import Trainer


def warnings_of(
    trainer: Trainer,
    *,
    rows: int,
    cut_from: int | None,
    cut_rows: int,
    skipped_rows: int,
    global_batch: int | None,
    packing: bool,
    first_answer_only: bool,
    columns_left: Sequence[str],
    sayings_left: bool,
) -> Iterator[str]:
    """Sentences, one a thing to know, the gravest first.

    Args:
        trainer: Whom the rows are for.
        rows: Rows exported.
        cut_from: `tma_position` of the first row that was cut off, so that the global batch
            divides the rest; None where none was.
        cut_rows: How many were.
        skipped_rows: Rows left out because the trainer cannot take them as they are.
        global_batch: Rows of one optimizer step, None where not known.
        packing: Whether several rows share a sequence.
        first_answer_only: Whether rows have several accepted answers, of which one goes along.
        columns_left: The user's columns that do not go along.
        sayings_left: Whether messages say more than goes along.
    """
    if skipped_rows:
        yield (
            f"{skipped_rows} rows were left out (skipped.jsonl names them), so that the positions "
            "have gaps."
        )
    if cut_from is not None:
        yield (
            f"The last {cut_rows} rows of the order, from tma_position {cut_from} on, were left "
            f"out, so that global batches of {global_batch} rows divide the rest."
        )
    elif global_batch is None:
        yield f"The global batch is not known (--global-batch). {trainer.tail}"
    elif rows % global_batch:
        yield (
            f"Global batches of {global_batch} rows leave {rows % global_batch} of {rows} rows "
            f"over. {trainer.tail}"
        )
    if packing:
        yield trainer.packing
    if first_answer_only:
        yield "Of several accepted answers of a row the first goes along."
    if columns_left:
        shown = ", ".join(columns_left[:8]) + (", …" if len(columns_left) > 8 else "")
        yield f"Columns that the rows do not take along: {shown} (--keep COLUMN takes one along)."
    if sayings_left:
        yield "Of a message role, text and calls go along, and whatever else it says does not."
    yield (
        f"Train one epoch: {trainer.title} repeats the same order in each, so that its end is "
        "followed by its beginning again."
    )
