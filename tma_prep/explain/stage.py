"""`tma-prep explain`: why a row stands where it stands, or where a test's neighbours ended up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tma_prep.embeddings import open_sides
from tma_prep.errors import InputError, OptionError
from tma_prep.explain.ranked_items import RankedItems
from tma_prep.explain.row import RowExplanation, explain_row
from tma_prep.explain.target import TargetExplanation, explain_test
from tma_prep.leakage import kept_leakage
from tma_prep.options import ExplainOptions
from tma_prep.orders import chosen_order, open_order
from tma_prep.progress import Stopwatch
from tma_prep.workspace import Workspace


@dataclass(frozen=True)
class ExplainResult:
    """Either a row or a test, explained."""

    row: RowExplanation | None
    test: TargetExplanation | None
    seconds: dict[str, float]


class Explainer:
    """Explains rows and tests of one order; what they share is worked out once."""

    def __init__(self, work: Path, name: str | None = None) -> None:
        """Open the order of that name; see `chosen_order` where none is given.

        Raises:
            ArtifactError: Something that is needed is missing, damaged or out of date.
        """
        workspace = Workspace(work)
        self._sides = open_sides(workspace)
        self._arranged = open_order(workspace, self._sides, chosen_order(workspace, name))
        self._items = RankedItems(self._arranged)
        self._leaks = kept_leakage(workspace, self._sides)

    def at(self, position: int) -> RowExplanation:
        """The row at a position of the order.

        Raises:
            InputError: The order has no such position.
        """
        rows = len(self._arranged.rows)
        if position >= rows:
            raise InputError(
                f"--position {position}: {self._arranged.name} has {rows} rows, from position 0 "
                f"to {rows - 1}"
            )
        return explain_row(self._items, self._leaks, int(self._arranged.rows[position]))

    def row(self, tma_row: int) -> RowExplanation:
        """A training row by its number.

        Raises:
            InputError: The pool has no such row.
        """
        place = _place(self._sides.train.rows, tma_row, "row", "training")
        return explain_row(self._items, self._leaks, place)

    def test(self, test_row: int) -> TargetExplanation:
        """A test row by its number.

        Raises:
            InputError: There is no such test.
        """
        place = _place(self._sides.test.rows, test_row, "test", "test")
        return explain_test(self._items, self._leaks, place)

    def with_id(self, name: str) -> RowExplanation | TargetExplanation:
        """The training or test row by its own id.

        Raises:
            InputError: No row has it, or several have.
        """
        found: list[tuple[str, int]] = []
        for side, store in (("row", self._sides.train), ("test", self._sides.test)):
            named = pc.is_in(store.instances("id")["id"], pa.array([name])).to_numpy()
            found += [(side, int(row)) for row in store.rows[named]]
        if len(found) == 1:
            ((side, row),) = found
            return self.row(row) if side == "row" else self.test(row)
        shown = ", ".join(f"--{side} {row}" for side, row in found[:5])
        raise InputError(
            f"--id {name}: several rows have it; name one by {shown}"
            if found
            else f"--id {name}: no row has it; --row and --test take row numbers"
        )


def explain(options: ExplainOptions) -> ExplainResult:
    """Explain one row or one test; nothing is written.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    asked = [options.position, options.row, options.test, options.id]
    if sum(one is not None for one in asked) != 1:
        raise OptionError("give one of --position, --row, --test and --id: what is to be explained")
    clock = Stopwatch()
    row = test = None
    with clock("open"):
        explainer = Explainer(options.work, options.name)
    with clock("explain"):
        if options.position is not None:
            row = explainer.at(options.position)
        elif options.row is not None:
            row = explainer.row(options.row)
        elif options.test is not None:
            test = explainer.test(options.test)
        elif options.id is not None:
            found = explainer.with_id(options.id)
            row, test = (found, None) if isinstance(found, RowExplanation) else (None, found)
    return ExplainResult(row, test, clock.seconds)


def _place(stored: NDArray[np.int64], number: int, option: str, side: str) -> int:
    place = int(np.searchsorted(stored, number))
    if place < len(stored) and stored[place] == number:
        return place
    skipped = number < stored[-1]
    why = "it was skipped when it was embedded" if skipped else "they end before that"
    raise InputError(
        f"--{option} {number}: is none of the {len(stored)} {side} rows, which are numbered "
        f"{stored[0]} to {stored[-1]}; {why}"
    )
