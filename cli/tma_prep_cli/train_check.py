"""`tma-prep train-check`."""

from typing import TYPE_CHECKING

from tma_prep.options import TrainCheckOptions
from tma_prep_cli.console import TerminalProgress, print_line, print_next, print_table, show_path

if TYPE_CHECKING:
    from tma_prep_schemas import CheckSummary

_ROLES = {
    "test": "The target rows are test data: a loss on them is no result on unseen data.",
    "validation": "The target rows are validation data: choose by them, tell results of others.",
}


def train_check(options: TrainCheckOptions) -> object:
    """Does this order help? Train a small model on each order and compare the test loss.

    Every order of a seed starts from the same weights and takes the same number of rows; orders
    that were arranged at random are drawn anew for each seed. The loss is that of response tokens
    only. Two controls say what a difference is worth: [bold]null[/], random orders among
    themselves, and [bold]no-leak[/], the orders without rows that hold a test row. Curves, summary
    and a report go to WORK/checks. A check that was interrupted goes on where it stopped.

    [bold]Examples[/]

      tma-prep train-check work --order nft --order rt --order fft

      tma-prep train-check work --order nft --order rt --quick

      tma-prep train-check work --rounds 0:5 --rounds 5:10 --rounds 10:15

      tma-prep train-check work --order nft --order rt --model SmolLM2-135M.gguf --lora 8

      tma-prep train-check work --order nft --order rt --require-lower nft rt

      tma-prep train-check work --order half-nft --order half-rt --eval unseen
    """
    from tma_prep.checks import train_check as run

    result = run(options, TerminalProgress())
    print_summary(result.summary)
    print_next("The report:", show_path(result.report))
    return result


def print_summary(summary: "CheckSummary") -> None:
    """The headline, then what it rests on."""
    print_line(summary.headline)
    print_line(_ROLES[summary.target_role])
    print_line("")
    seeds = "one seed" if len(summary.seeds) == 1 else f"mean over {len(summary.seeds)} seeds"
    print_table(
        f"Test loss in nats a response token, {summary.train_rows:,} rows in {summary.steps} steps,"
        f" {seeds} (lower is better)",
        [
            (
                *(found.order, found.control, found.start_loss),
                *(found.auc_steps, found.early_loss, found.final_loss),
            )
            for found in summary.orders
        ],
        *("order", "control", "start", "mean over steps", "early", "end"),
    )
    if not summary.differences:
        return
    print_table(
        "Differences of the mean over steps, with 95 % intervals",
        [
            (
                *(f"{found.a} − {found.b}", found.control, found.mean, found.low, found.high),
                *(found.verdict, found.smallest_effect),
            )
            for found in summary.differences
            if found.measure == "auc_steps"
        ],
        *("orders", "control", "difference", "from", "to", "verdict", "could have seen"),
    )
