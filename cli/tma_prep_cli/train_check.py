"""`tma-prep train-check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tma_prep_cli.console import TerminalProgress, print_json, print_next, print_table, show_path

if TYPE_CHECKING:
    from tma_prep_schemas import CheckSummary

HELP = """
Does this order help? Train a small model on each order, seed by seed, and measure the test loss.

Every order of a seed starts from the same weights and takes the same number of rows; orders that
were arranged at random are drawn anew for each seed. The loss is that of response tokens only. Two
controls say what a difference is worth: [bold]null[/], random orders among themselves, and
[bold]no-leak[/], the orders without rows that hold a test row. Curves, summary and a report go to
WORK/checks. A check that was interrupted goes on where it stopped.

[bold]Examples[/]

  tma-prep train-check work --order nft --order rt --order fft

  tma-prep train-check work --order nft --order rt --quick

  tma-prep train-check work --rounds 0:5 --rounds 5:10 --rounds 10:15

  tma-prep train-check work --order nft --order rt --model SmolLM2-135M.gguf --lora 8

  tma-prep train-check work --order nft --order rt --require-lower nft rt

  tma-prep train-check work --order half-nft --order half-rt --eval unseen
"""


_ROLES = {
    "test": "The target rows are test data: a loss on them is no result on unseen data.",
    "validation": "The target rows are validation data: choose by them, tell results of others.",
}


def train_check(
    work: Annotated[Path, typer.Argument(help="The workspace that arrange wrote shards to.")],
    order: Annotated[
        list[str] | None,
        typer.Option(help="Name of arranged shards; repeatable. All that are there if not given."),
    ] = None,
    rounds: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare windows of rounds of the first order, as in 0:5 (rounds 1 to 5); "
            "repeatable."
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Starts, each with its own draw of random orders; 3.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    budget: Annotated[
        int | None,
        typer.Option(
            help="Rows each order is trained on; else 512, and never more than a tenth of the "
            "smallest order: what comes first shows early, and turns round over a whole pass."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="The same in steps of --batch-size rows.")] = (
        None
    ),
    batch_size: Annotated[int, typer.Option(help="Rows a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW, after ten steps of warm-up.")] = (
        1e-3
    ),
    max_tokens: Annotated[
        int, typer.Option(help="Most tokens of a row; the prompt's beginning gives way.")
    ] = 128,
    model: Annotated[
        str,
        typer.Option(
            help="tiny (a Llama of 1.3 million weights, trained here from nothing), a folder or "
            "hub name with safetensors, or a .gguf file."
        ),
    ] = "tiny",
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code",
            help="Run code that comes with the model, and unpickle weights; else safetensors only.",
        ),
    ] = False,
    vocabulary: Annotated[
        int, typer.Option(help="Tokens of the tokenizer that tiny trains on the pool.")
    ] = 4096,
    lora: Annotated[
        int | None, typer.Option(help="Train adapters of this rank, not all weights.")
    ] = None,
    base_steps: Annotated[
        int | None,
        typer.Option(
            help="Train the start first, on random rows that share nothing with the tests and are "
            "then left out of every order. 150 for tiny (40 with --quick), else 0."
        ),
    ] = None,
    base_learning_rate: Annotated[float, typer.Option(help="Of that training.")] = 2e-3,
    control: Annotated[
        list[str] | None,
        typer.Option(help="null, no-leak or off; repeatable. Both, or none with --quick."),
    ] = None,
    eval: Annotated[
        Literal["all", "seen", "unseen"],
        typer.Option(
            help="Test rows whose loss is taken: all, those that the orders were arranged for, or "
            "those that arrange --target-fraction held out."
        ),
    ] = "all",
    random_orders: Annotated[
        int, typer.Option(help="Random orders of the control null, for each seed.")
    ] = 3,
    leak_ngrams: Annotated[
        str,
        typer.Option(
            help="half: a row leaks with half of a test's word 8-grams; any: with one of them. "
            "Those in over 1 % of the rows do not count."
        ),
    ] = "half",
    quick: Annotated[
        bool,
        typer.Option(help="A look: one seed, no control, a short base. Shows, and proves nothing."),
    ] = False,
    require_lower: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Exit with 3 unless the mean loss of A is lower than that of B (without leaking "
            "rows, where that control ran).",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Runs at once; one a core, or one a GPU, if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    name: Annotated[
        str | None, typer.Option(help="Name of the check; else what it compares, with dashes.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace what was made differently.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parse, call, print."""
    from tma_prep.checks import train_check as run
    from tma_prep.options import TrainCheckOptions
    from tma_prep_cli.console import validated

    options = validated(
        TrainCheckOptions,
        work=work,
        orders=order or [],
        rounds=rounds or [],
        seeds=seeds,
        seed=seed,
        budget=budget,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        max_tokens=max_tokens,
        model=model,
        trust_remote_code=trust_remote_code,
        vocabulary=vocabulary,
        lora=lora,
        base_steps=base_steps,
        base_learning_rate=base_learning_rate,
        controls=control,
        eval=eval,
        random_orders=random_orders,
        leak_ngrams=leak_ngrams,
        quick=quick,
        require_lower=list(require_lower or ()),
        workers=workers,
        device=device,
        name=name,
        overwrite=overwrite,
    )
    result = run(options, TerminalProgress())
    if json:
        print_json(result)
        return
    print_summary(result.summary)
    print_next("The report:", show_path(result.report))


def print_summary(summary: "CheckSummary") -> None:
    """The headline, then what it rests on."""
    from tma_prep_cli.console import print_line

    print_line(summary.headline)
    print_line(_ROLES[summary.target_role])
    print_line("")
    seeds = "one seed" if len(summary.seeds) == 1 else f"mean over {len(summary.seeds)} seeds"
    print_table(
        f"Test loss in nats a response token, {summary.train_rows:,} rows in {summary.steps} steps,"
        f" {seeds} (lower is better)",
        ["order", "control", "start", "mean over steps", "early", "end"],
        [
            (
                *(found.order, found.control, found.start_loss),
                *(found.auc_steps, found.early_loss, found.final_loss),
            )
            for found in summary.orders
        ],
    )
    if not summary.differences:
        return
    print_table(
        "Differences of the mean over steps, with 95 % intervals",
        ["orders", "control", "difference", "from", "to", "verdict", "could have seen"],
        [
            (
                *(f"{found.a} − {found.b}", found.control, found.mean, found.low, found.high),
                *(found.verdict, found.smallest_effect),
            )
            for found in summary.differences
            if found.measure == "auc_steps"
        ],
    )
