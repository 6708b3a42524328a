"""`tma-prep inspect`: what a workspace holds, for the terminal and as one HTML page."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.durable import write_text
from tma_prep.embeddings import EmbeddingStore, Sides, open_sides
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.explain.series import Along, listed_positions, rounds_of, stretches
from tma_prep.explain.told import texts_of
from tma_prep.leakage import LEAK_KINDS, Leakage, kept_leakage
from tma_prep.options import InspectOptions
from tma_prep.orders import Arranged, limits_of, open_order, read_order
from tma_prep.progress import Stopwatch
from tma_prep.report import (
    Coverage,
    HubFacts,
    LeakFacts,
    ListedRow,
    OrderDetails,
    OrderFacts,
    Overview,
    PageData,
    SideFacts,
    render_inspect_report,
)
from tma_prep.workspace import Workspace
from tma_prep_schemas import TARGET

_PARTS, _GROUPS = 10, 12
_LINE_PARTS, _MIX_PARTS, _MOST_COLUMNS = 100, 50, 200
_MOST_LINES = 6


def inspect(options: InspectOptions) -> Overview:
    """Look at a workspace; nothing of it is changed.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    if options.out is not None and not options.html:
        raise OptionError("--out is the file that --html writes; give both")
    clock = Stopwatch()
    workspace = Workspace(options.work)
    with clock("open"):
        sides = open_sides(workspace)
        marks = kept_leakage(workspace, sides)
        orders = list(_orders(workspace, sides))
        name = _chosen(workspace, orders, options.name)
        arranged = None if name is None else open_order(workspace, sides, name)
    with clock("look"):
        seen = None if arranged is None else Seen(arranged, marks)
        facts = {order.name: order for order in orders}
        overview = Overview(
            workspace=str(options.work),
            train=_side(sides.train),
            test=_side(sides.test),
            dimension=sides.train.manifest.dimension,
            encoder=None
            if sides.train.manifest.encoder is None
            else str(sides.train.manifest.config["model"]),
            orders=orders,
            order=None if seen is None else seen.details(facts[seen.arranged.name]),
            leakage=_leaks(marks),
        )
    page = None
    if options.html:
        if seen is None:
            raise ArtifactError(
                f"{workspace.root}: holds no order to draw; run tma-prep arrange first"
            )
        with clock("page"):
            others = [order.name for order in orders if order.current and order.name != name]
            page = options.out or workspace.root / "inspect.html"
            _write(page, render_inspect_report(overview, seen.page(others)))
    return replace(overview, page=None if page is None else str(page), seconds=clock.seconds)


@dataclass(frozen=True)
class Seen:
    """One order, and what is known of leakage."""

    arranged: Arranged
    marks: Leakage | None

    def details(self, facts: OrderFacts) -> OrderDetails:
        """What is told of it."""
        arranged, found = self.arranged, self.arranged.ranked.manifest.facts
        along, tasks = self._along(arranged), arranged.tasks
        positions, train = arranged.positions, arranged.sides.train.rows
        hubs = []
        for hub in found.hubs:
            place = int(np.searchsorted(train, hub.tma_row))
            position = int(positions[place])
            task = arranged.train_instances.column("task")[place].as_py()
            hubs.append(HubFacts(hub.tma_row, hub.tests, task, None if position < 0 else position))
        return OrderDetails(
            facts=facts,
            task_names=[] if tasks is None else tasks.names,
            leak_kinds=list(LEAK_KINDS),
            stretches=stretches(along, _PARTS),
            rounds=rounds_of(along, _GROUPS),
            round_count=None if along.rounds is None else len(np.unique(along.rounds)),
            hubs=hubs,
            never_listed=found.never_listed,
            coverage=Coverage(
                mean=found.coverage,
                by_test={int(row): value for row, value in found.coverage_by_test.items()},
                by_task=found.coverage_by_task,
                least=[int(row) for row in found.least_covered],
            ),
        )

    def page(self, others: list[str]) -> PageData:
        """What is drawn of it, beside lines of other orders."""
        arranged = self.arranged
        along = self._along(arranged)
        positions, listed = listed_positions(len(arranged.rows))
        lines = {arranged.name: stretches(along, _LINE_PARTS)}
        for name in others[: _MOST_LINES - 1]:
            other = open_order(arranged.workspace, arranged.sides, name)
            lines[name] = stretches(self._along(other), _LINE_PARTS)
        return PageData(
            lines=lines,
            orders_left_out=others[_MOST_LINES - 1 :],
            stretches=stretches(along, _MIX_PARTS),
            rounds=rounds_of(along, _MOST_COLUMNS),
            rows=list(self._listed(along, positions)),
            listed=listed,
        )

    def _along(self, arranged: Arranged) -> Along:
        rows, tasks = arranged.rows, arranged.tasks
        kinds = None
        if self.marks is not None:
            kinds = self.marks.kind_of_each(arranged.sides.train.rows)[rows]
        return Along(
            similarity=arranged.ranked.similarity[rows],
            rounds=arranged.order_rounds,
            task=None if tasks is None else tasks.of_row[rows],
            tasks=0 if tasks is None else len(tasks.names),
            leak=kinds,
            leaks=len(LEAK_KINDS),
        )

    def _listed(self, along: Along, chosen: NDArray[np.int64]) -> Iterator[ListedRow]:
        arranged = self.arranged
        places = arranged.rows[chosen]
        _, order = read_order(arranged.workspace, arranged.name)
        targets = order.column(TARGET).take(pa.array(chosen))
        tasks = arranged.train_instances.column("task").take(pa.array(places))
        texts = texts_of(arranged.sides.train, places.tolist())
        for position, place, target, task in zip(
            chosen.tolist(), places.tolist(), targets.to_pylist(), tasks.to_pylist(), strict=True
        ):
            leak = -1 if along.leak is None else int(along.leak[position])
            text = texts[place]
            yield ListedRow(
                position=position,
                tma_row=int(arranged.sides.train.rows[place]),
                round=None if along.rounds is None else int(along.rounds[position]),
                similarity=float(along.similarity[position]),
                task=task,
                target=target,
                leak=LEAK_KINDS[leak] if leak >= 0 else None,
                prompt=text.prompt,
                response=text.response,
                problem=text.problem,
            )


def _orders(workspace: Workspace, sides: Sides) -> Iterator[OrderFacts]:
    for name in workspace.names("orders"):
        order, shards = workspace.order(name), workspace.shards(name).read()
        manifest = order.finished()
        yield OrderFacts(
            name=name,
            order=manifest.order,
            ranking=str(manifest.config["ranking"]),
            ranked=str(manifest.config["granularity"]),
            limits=limits_of(manifest.config),
            rows=manifest.rows,
            shards=shards is not None and shards.inputs.get(f"orders/{name}") == order.sha256,
            current=order.stale(manifest) is None,
        )


def _chosen(workspace: Workspace, orders: list[OrderFacts], name: str | None) -> str | None:
    """The order asked for; else `nft`, else the first that is up to date, if any is."""
    names = [order.name for order in orders]
    if name is not None and name not in names:
        held = f"it holds {', '.join(names)}" if names else "it holds none; run tma-prep arrange"
        raise ArtifactError(f"{workspace.root}: no order named {name}; {held}")
    current = [order.name for order in orders if order.current]
    return name or ("nft" if "nft" in current else next(iter(current), None))


def _side(store: EmbeddingStore) -> SideFacts:
    manifest, tasks = store.manifest, store.instances("task").column("task")
    return SideFacts(
        rows=manifest.rows,
        skipped_rows=store.row_store.manifest.skipped_rows,
        tasks=len(tasks.drop_null().unique()),
        tokens=manifest.tokens,
        truncated_rows=manifest.truncated_rows,
        response_cut_rows=manifest.response_cut_rows,
    )


def _leaks(marks: Leakage | None) -> LeakFacts | None:
    if marks is None:
        return None
    kinds = {kind: int(getattr(marks.manifest.counts, kind)) for kind in LEAK_KINDS}
    return LeakFacts(kinds, marks.manifest.counts.rows, marks.manifest.counts.tests)


def _write(path: Path, html: str) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise OptionError(f"--out {path}: must be a file in a folder that is there")
    write_text(path, html)
