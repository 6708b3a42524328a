"""Which rows of an order an export takes."""

import itertools
from dataclasses import dataclass

from tma_prep.errors import OptionError
from tma_prep.options import ExportOptions
from tma_prep.progress import Progress
from tma_prep.shards import ShardFolder
from tma_prep.trainers.forms import RowForm
from tma_prep.trainers.rows import bad_rows
from tma_prep_schemas import POSITION


@dataclass(frozen=True)
class RowPlan:
    """Which rows go out.

    Attributes:
        stop: The first position that stays behind.
        cut_rows: Rows that are cut off there.
        left_out: Positions that the trainer cannot take, with the reason.
    """

    stop: int
    cut_rows: int
    left_out: dict[int, str]


def plan_rows(
    shards: ShardFolder, form: RowForm, options: ExportOptions, progress: Progress
) -> RowPlan:
    """Which rows go out.

    Raises:
        OptionError: Some fill no whole global batch, and what is to become of them is not said.
    """
    left_out: dict[int, str] = {}
    if options.on_bad_row == "skip":
        with progress.stage("Looking at every row", shards.rows, "rows") as advance:
            left_out = bad_rows(shards, form, advance)
    good = shards.rows - len(left_out)
    over = 0 if options.global_batch is None else good % options.global_batch
    if not good:
        raise OptionError(f"{form.trainer.title} can take none of the rows; see --on-bad-row fail")
    if over == good and options.tail != "keep":
        raise OptionError(
            f"--global-batch {options.global_batch} is more than the {good} rows; ask for fewer"
        )
    from_end = (at for at in reversed(range(shards.rows)) if at not in left_out)
    stop = next(itertools.islice(from_end, over - 1, None)) if over else shards.rows
    if over and options.tail is None:
        raise OptionError(
            f"--global-batch {options.global_batch} leaves {over} of {good} rows over, from "
            f"{POSITION} {stop} on; --tail cut leaves them out, --tail keep hands them on: "
            f"{form.trainer.tail}"
        )
    if options.tail == "keep":
        stop, over = shards.rows, 0
    return RowPlan(stop, over, left_out)
