"""Small array idioms that more than one stage needs."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers start, start + 1, … of every range, one range after the other."""
    ends = np.cumsum(lengths)
    shifts = np.repeat(starts - (ends - lengths), lengths)
    numbers: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0) + shifts
    return numbers


def with_types(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a table, in the types of a schema.

    Those that have them already are let be: Arrow's cast of rows that were taken out of a column of
    lists of nulls loses the end of the lists.

    Raises:
        ArrowException: A value does not fit.
    """
    columns = [
        column if column.type.equals(field.type) else column.cast(field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema)
