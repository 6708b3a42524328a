"""`tma-prep run`: what one file says, command by command."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tma_prep.arrange import ArrangeResult, arrange
from tma_prep.checks import TrainCheckResult, train_check
from tma_prep.embeddings import EmbedResult, embed
from tma_prep.progress import Silent, Stopwatch, TableProgress
from tma_prep.recipe import Recipe

StepResult = EmbedResult | ArrangeResult | TrainCheckResult


@dataclass
class RunResult:
    """What every command did; one that the file does not name has left nothing.

    Attributes:
        folder: What the paths in the parts are relative to.
    """

    folder: str
    embed: EmbedResult | None = None
    arrange: list[ArrangeResult] = field(default_factory=list)
    train_check: list[TrainCheckResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def run(
    recipe: Recipe,
    progress: TableProgress | None = None,
    on_result: Callable[[StepResult], None] = lambda _: None,
) -> RunResult:
    """Run embed, arrange and train-check, as far as the recipe names them; what is there is kept.

    The folder of the file is this process's working directory meanwhile, so that manifests hold
    paths as the file has them, wherever it is run from.

    Args:
        recipe: What to do.
        progress: Told of everything.
        on_result: Told of every command that is done.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    result = RunResult(str(recipe.folder), seconds=clock.seconds)
    with contextlib.chdir(recipe.folder):
        if recipe.embed is not None:
            with clock("embed"):
                result.embed = embed(recipe.embed, progress)
            on_result(result.embed)
        for arrange_options in recipe.arrange:
            with clock("arrange"):
                result.arrange.append(arrange(arrange_options, progress))
            on_result(result.arrange[-1])
        for check_options in recipe.train_check:
            with clock("train_check"):
                result.train_check.append(train_check(check_options, progress))
            on_result(result.train_check[-1])
    return result
