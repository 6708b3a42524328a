"""`tma-prep explain`."""

from typing import TYPE_CHECKING

from tma_prep.options import ExplainOptions
from tma_prep_cli.console import print_line, print_table
from tma_prep_cli.excerpts import print_excerpt

if TYPE_CHECKING:
    from tma_prep.explain import RowExplanation, TargetExplanation
    from tma_prep.leakage import Leak

_MOST_NAMED_BY = 5
_MOST_NEIGHBOURS = 10
_MOST_LEAKS = 5


def explain(options: ExplainOptions) -> object:
    """Say why a row stands where it stands, or where the neighbours of a test ended up.

    Of a row: its round, which tests named it there and how near it is to them, which rows they
    would have named next and where those ended up, its text beside the tests', and what it holds of
    them. Of a test: its nearest training rows in order, the position and round of each, and how
    well it is covered. Everything is worked out again, exactly, from the stored vectors; nothing is
    written.

    [bold]Examples[/]

      tma-prep explain work --position 120

      tma-prep explain work --name fft --row 5531

      tma-prep explain work --test 17 --json
    """
    from tma_prep.explain import explain as run

    result = run(options)
    if result.row is not None:
        _print_row(result.row)
    elif result.test is not None:
        _print_test(result.test)
    return result


def _print_row(row: "RowExplanation") -> None:
    where = "left out of" if row.position is None else f"position {row.position:,} of"
    _print_facts(
        f"Row {row.tma_row}: {where} {row.order}, {row.order_rows:,} rows",
        {
            "id": row.id,
            "task": row.task,
            "ranked as": row.unit,
            "round": row.round,
            "distance": row.distance,
            "similarity to its nearest test": row.similarity,
        },
    )
    for sentence in row.why:
        print_line(sentence)
    print_line("")
    if row.named_by:
        print_table(
            "The tests that named it in its round, and whom they would have named next",
            _named_by(row),
            *("test", "", "similarity", "round", "position"),
        )
        if len(row.named_by) > _MOST_NAMED_BY:
            more = len(row.named_by) - _MOST_NAMED_BY
            print_line(f"{more} tests more named it; --json tells them all.")
    else:
        print_table(
            "Its nearest tests",
            [(f"{test.test_row}", test.task, test.similarity) for test in row.nearest_tests],
            *("test", "task", "similarity"),
        )
    _print_leaks(row.leaks, row.leakage_known, "holds no test row")
    print_excerpt(f"Text of row {row.tma_row}", row.text)
    shown = [found.test for found in row.named_by[:_MOST_NAMED_BY]] or row.nearest_tests
    for test in shown:
        task = f", task {test.task}" if test.task is not None else ""
        print_excerpt(f"Text of test {test.test_row}{task}", test.text)
    _print_notes(row.notes)


def _named_by(row: "RowExplanation") -> list[tuple[object, ...]]:
    this = row.unit if row.unit is not None else f"row {row.tma_row}"
    lines: list[tuple[object, ...]] = []
    for found in row.named_by[:_MOST_NAMED_BY]:
        test = found.test
        at = row.position if row.unit is None else ""
        lines.append((f"{test.test_row}", f"{this}, this one", test.similarity, row.round, at))
        lines += [
            ("", other.name, other.similarity, other.round, other.position) for other in found.next
        ]
    return lines


def _print_test(test: "TargetExplanation") -> None:
    _print_facts(
        f"Test {test.test_row} in {test.order}, {test.order_rows:,} rows",
        {
            "id": test.id if test.id != f"{test.test_row}" else None,
            "task": test.task,
            "mean similarity of its ten nearest rows": test.coverage,
            f"tests covered less, of {test.tests_used:,}": test.covered_less,
            "tests equal to it": ", ".join(map(str, test.equal_tests)) or None,
        },
    )
    for sentence in test.why:
        print_line(sentence)
    print_line("")
    near = test.neighbours[:_MOST_NEIGHBOURS]
    units = any(each.unit is not None for each in near)
    marks = any(each.named is not None for each in near)
    print_table(
        "Its nearest rows",
        [
            (
                *(f"{each.tma_row}", each.similarity, each.round, each.position),
                *([each.named] if marks else []),
                *([each.unit] if units else []),
            )
            for each in near
        ],
        *("row", "similarity", "round", "position"),
        *(["named by it"] if marks else []),
        *(["ranked as"] if units else []),
    )
    if len(test.neighbours) > len(near):
        print_line(f"{len(test.neighbours) - len(near)} rows more are known; --json tells them.")
    _print_leaks(test.leaks, test.leakage_known, "is held by no training row")
    print_excerpt(f"Text of test {test.test_row}", test.text)
    for number, text in test.texts.items():
        print_excerpt(f"Text of row {number}", text)
    _print_notes(test.notes)


def _print_leaks(leaks: "list[Leak]", known: bool, nothing: str) -> None:
    if not known:
        print_line("Leakage was not looked for.")
    elif not leaks:
        print_line(f"Leakage: it {nothing}.")
    else:
        print_table(
            "Leakage: this text stands on both sides",
            [
                (f"{leak.tma_row}", f"{leak.test_row}", leak.kind, leak.score)
                for leak in leaks[:_MOST_LEAKS]
            ],
            *("row", "test", "kind", "score"),
        )
        if len(leaks) > _MOST_LEAKS:
            print_line(f"{len(leaks) - _MOST_LEAKS} pairs more; --json tells them.")


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        print_line("")
        print_line(f"Not told: {note}")


def _print_facts(title: str, facts: dict[str, object]) -> None:
    """A line each, of those that there are."""
    print_line(title)
    for name, value in facts.items():
        if value is not None:
            print_line(f"  {name}: {f'{value:.3f}' if isinstance(value, float) else value}")
    print_line("")
