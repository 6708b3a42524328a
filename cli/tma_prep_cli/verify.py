"""`tma-prep verify`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tma_prep.options import VerifyOptions
from tma_prep_cli.console import (
    TerminalProgress,
    print_error,
    print_line,
    print_table,
    print_warning,
)

if TYPE_CHECKING:
    from tma_prep.verify import Proof, VerifyResult

_LABELS = {
    "files": "every file by SHA-256, none missing, none too many",
    "columns": "columns and types",
    "positions": "positions from 0 without a gap, each row once",
    "order": "equal to the order in orders/",
    "ranking": "the order is what its options make of the ranking",
    "rows": "every row equal to its training row",
}
_STATES = ("proven", "not proven")


def verify(options: VerifyOptions) -> object:
    """Prove that shards are what arrange wrote, and that a training consumed them in order.

    In a workspace, shards must be their order joined with the training rows: every file by its
    SHA-256, columns and types, positions without a gap, every value of every row bit for bit; and
    the order must be what its options make of the ranking. What is wrong is named, a line each, and
    the exit code is then 1. Of a folder of shards that was copied elsewhere, files, columns and
    positions are proven against its own manifest.

    [bold]Examples[/]

      tma-prep verify work

      tma-prep verify work --name nft --consumed run/order-log

      tma-prep verify /data/copied/nft
    """
    from tma_prep.verify import verify as run

    result = run(options, TerminalProgress())
    _print_result(result)
    for proof in result.shards:
        for line in proof.findings:
            print_error(line)
        if proof.findings_left_out:
            print_error(f"{proof.folder}: {proof.findings_left_out} findings more")
    if result.consumed is not None:
        for line in result.consumed.warnings:
            print_warning(line)
        for line in result.consumed.findings:
            print_error(line)
    return result


def _print_result(result: "VerifyResult") -> None:
    shards = result.shards
    print_table(
        f"Shards of {result.work}",
        [(proof.name, proof.rows, proof.shards) for proof in shards],
        *("order", "rows", "shards"),
    )
    print_table(
        "What was proven of them",
        [(label, _states(shards, check)) for check, label in _LABELS.items()],
    )
    for proof in shards:
        for check, state in proof.checks.items():
            if state not in _STATES:
                print_line(f"{proof.name}: not checked: {_LABELS[check]}: {state}")
    if any(proof.findings for proof in shards):
        print_line("What is wrong stands on stderr. Copy the shards again, or make them again:")
        print_line("the arrange command that made them, with --overwrite.")
    if result.consumed is not None and result.consumed.facts is not None:
        facts = result.consumed.facts
        print_table(
            f"Consumed by the training that wrote {result.consumed.log}",
            [
                ("rows", facts.rows),
                ("of them in order, from the first", facts.rows_in_order),
                ("rows that never came", facts.rows_missing),
                ("processes", facts.ranks),
                ("micro-batches", facts.batches),
                ("every row once, in its place", facts.whole),
            ],
        )


def _states(shards: "Sequence[Proof]", check: str) -> str:
    """One word if it is the same for all, else who is what."""
    names: dict[str, list[str]] = {}
    for proof in shards:
        state = {str(name): state for name, state in proof.checks.items()}[check]
        names.setdefault(state if state in _STATES else "not checked", []).append(proof.name)
    if len(names) == 1:
        return next(iter(names))
    return "; ".join(f"{state}: {', '.join(found)}" for state, found in names.items())
