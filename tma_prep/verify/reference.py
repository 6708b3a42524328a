"""What shards are held against beside their own manifest."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.verify.findings import Check

RowStream = Iterator[tuple[NDArray[np.int64], pa.Table]]


@dataclass(frozen=True)
class Reference:
    """What is known of them elsewhere; what is not is None.

    Attributes:
        schema: The user's columns of the input.
        pool: `tma_row` of every row that may come, ascending.
        whole: Whether each of them must.
        rows: How many rows the budget says.
        ids: `tma_id` by the text of each row of a table of shards, None for a row without a text.
        order: The `ORDER` table, a piece at a time.
        input_rows: From ascending row numbers to these rows of the input.
        skipped: Why a check cannot be made.
        wrong: What is wrong with what they would be held against.
    """

    schema: pa.Schema | None = None
    pool: NDArray[np.int64] | None = None
    whole: bool = False
    rows: int | None = None
    ids: Callable[[pa.Table], list[str | None]] | None = None
    order: Iterator[pa.Table] | None = None
    input_rows: Callable[[NDArray[np.int64]], RowStream] | None = None
    skipped: Mapping[Check, str] = field(default_factory=dict)
    wrong: Mapping[Check, str] = field(default_factory=dict)
