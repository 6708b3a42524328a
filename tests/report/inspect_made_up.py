"""A made-up workspace for the page of inspect."""

import numpy as np

from tma_prep.explain.series import Along, rounds_of, stretches
from tma_prep.report.overview import (
    Coverage,
    HubFacts,
    LeakFacts,
    ListedRow,
    OrderDetails,
    OrderFacts,
    Overview,
    PageData,
    SideFacts,
)

KINDS = ["equal", "normalised", "ngram", "similarity"]


def made_up(
    rows: int = 700,
    tasks: tuple[str, ...] = ("sums", "maps", "plays"),
    *,
    prompt: str = "What is {}?",
    orders: tuple[str, ...] = ("nft", "rt"),
    rounds: bool = True,
    leaks: bool = True,
) -> tuple[Overview, PageData]:
    """An order whose rows go from near to far, and what is drawn of it."""
    draw = np.random.default_rng(0)
    along = Along(
        similarity=np.sort(draw.random(rows))[::-1],
        rounds=np.repeat(np.arange(1, rows + 1), 9)[:rows].astype(np.int32) if rounds else None,
        task=draw.integers(len(tasks), size=rows) if tasks else None,
        tasks=len(tasks),
        leak=np.where(np.arange(rows) < rows // 5, draw.integers(4, size=rows), -1)
        if leaks
        else None,
        leaks=len(KINDS),
    )
    side = SideFacts(rows, 0, len(tasks), 9 * rows, 12, 3)
    facts = [OrderFacts(name, name, "tma", "instance", "", rows, True, True) for name in orders]
    coverage = {row: float(value) for row, value in enumerate(draw.random(40))}
    details = OrderDetails(
        facts=facts[0],
        task_names=list(tasks),
        leak_kinds=KINDS,
        stretches=stretches(along, 10),
        rounds=rounds_of(along, 12),
        round_count=len(np.unique(along.rounds)) if along.rounds is not None else None,
        hubs=[HubFacts(5, 17, tasks[0] if tasks else None, 3), HubFacts(6, 16, None, None)],
        never_listed=4,
        coverage=Coverage(
            mean=float(np.mean(list(coverage.values()))),
            by_test=coverage,
            by_task={name: 0.5 for name in tasks},
            least=sorted(coverage, key=lambda row: coverage[row])[:10],
        ),
    )
    leak_facts = LeakFacts(dict.fromkeys(KINDS, 1), 4, 2) if leaks else None
    overview = Overview("work", side, side, 384, "a model", facts, details, leak_facts)
    listed = [
        ListedRow(
            position=position,
            tma_row=1000 + position,
            round=None if along.rounds is None else int(along.rounds[position]),
            similarity=float(along.similarity[position]),
            task=tasks[int(along.task[position])] if along.task is not None else None,
            target=f"test-{position % 7}",
            leak=KINDS[int(along.leak[position])]
            if along.leak is not None and along.leak[position] >= 0
            else None,
            prompt=prompt.format(position) + " more words" * 60,
            response=f"answer {position}",
            problem="the input is gone" if position == 9 else None,
        )
        for position in range(min(rows, 250))
    ]
    return overview, PageData(
        lines={name: stretches(along, 100) for name in orders},
        orders_left_out=["another"],
        stretches=stretches(along, 50),
        rounds=rounds_of(along, 200),
        rows=listed,
        listed="the first rows",
    )
