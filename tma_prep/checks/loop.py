"""The training loop: one pass over the rows of one order, as they come, with the test loss often.

Nothing here draws a random number: the start weights are given and the model has no dropout.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tma_prep.checks.data import ScoredTest, TokenBatch, collate, encode
from tma_prep.checks.model import response_losses
from tma_prep.errors import OptionError, TrainingError

OnStep = Callable[[], None]
"""Called after every step."""

_TEST_ROWS_A_BATCH = 32
_EVALUATION_GAPS = ((8, 2), (20, 4), (40, 10), (100, 15), (200, 25), (500, 50))
_LAST_EVALUATION_GAP = 100


@dataclass(frozen=True)
class TrainSettings:
    """How every order is trained.

    The learning rate rises in a line over `warmup_steps` and then stays: a row's weight then does
    not depend on how many rows come after it, as it would with a decay.

    Attributes:
        steps: Updates of the weights.
        batch_size: Rows a step, taken as they come.
        learning_rate: Of AdamW (0.9, 0.95) without weight decay, gradients clipped to norm 1.
        max_tokens: Most tokens of a row.
        device: Any device string of torch: `cpu`, `cuda`, `cuda:1`, `mps`.
        warmup_steps: Steps until the full learning rate.
        bfloat16: Whether products are taken in bfloat16; weights stay float32.

    Raises:
        OptionError: A number has no meaning.
    """

    steps: int
    batch_size: int = 16
    learning_rate: float = 1e-3
    max_tokens: int = 160
    device: str = "cpu"
    warmup_steps: int = 10
    bfloat16: bool = False

    def __post_init__(self) -> None:
        """Check every number."""
        for name, value in (("steps", self.steps), ("batch size", self.batch_size)):
            if value < 1:
                raise OptionError(f"the {name} is {value}; it must be 1 or more")
        if not 0 < self.learning_rate < math.inf:
            raise OptionError(f"the learning rate is {self.learning_rate}; it must be above 0")
        if self.warmup_steps < 0:
            raise OptionError(f"the warm-up is {self.warmup_steps} steps; it must be 0 or more")

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        return self.learning_rate * min(1.0, step / max(1, self.warmup_steps))


@dataclass(frozen=True)
class Evaluation:
    """The test loss at one step.

    Attributes:
        step: Updates made before, from 0.
        rows_seen: Training rows read before, those with an empty response among them.
        response_tokens_seen: Tokens trained on before.
        losses: float64 [tests]; for every test row the mean over its response tokens, nats.
    """

    step: int
    rows_seen: int
    response_tokens_seen: int
    losses: NDArray[np.float64]


def evaluation_steps(steps: int) -> list[int]:
    """Where the test loss is taken: 0, often at first, at least every 100 steps, and the last."""
    chosen = [0]
    while chosen[-1] < steps:
        here = chosen[-1]
        gap = next((gap for end, gap in _EVALUATION_GAPS if here < end), _LAST_EVALUATION_GAP)
        chosen.append(min(here + gap, steps))
    return chosen


def train_order(
    order: str,
    rows: Iterable[Sequence[str]],
    tests: Sequence[ScoredTest],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainSettings,
    *,
    evaluate_at: Sequence[int] | None = None,
    on_step: OnStep = lambda: None,
) -> Iterator[Evaluation]:
    """Train the model on the rows, exactly as they come, and evaluate it on the way.

    The same arguments give the same numbers on the same machine with the same number of threads;
    kernels of an accelerator may add in another order from run to run.

    Args:
        order: Name of the order, for messages.
        rows: Turns of each row, see `encode`; only as many are read as the steps need. The last
            batch may be smaller.
        tests: What the loss is measured on.
        model: Start weights; they are trained in place.
        tokenizer: The model's.
        settings: The same for every order that is to be compared.
        evaluate_at: Steps, ascending; None for `evaluation_steps(settings.steps)`.
        on_step: For progress.

    Yields:
        One evaluation at each of those steps. The model is trained once all are taken.

    Raises:
        TrainingError: The rows end before the steps do, or the loss is no longer a number.
    """
    device = torch.device(settings.device)
    pad_id = int(tokenizer.pad_token_id)
    torch.nn.Module.to(model, device)  # the override of transformers hides its types
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        weights, lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    test_batches = _test_batches(tests, pad_id, device)
    wanted = set(evaluation_steps(settings.steps) if evaluate_at is None else evaluate_at)
    rows_left = iter(rows)
    rows_seen = response_tokens_seen = 0

    for step in range(settings.steps + 1):
        if step > 0:
            batch_rows = list(itertools.islice(rows_left, settings.batch_size))
            if not batch_rows:
                raise TrainingError(
                    f"order {order} has {rows_seen} rows, which is {step - 1} steps of "
                    f"{settings.batch_size} rows and not {settings.steps}; ask for fewer steps"
                )
            examples = [encode(tokenizer, row, settings.max_tokens) for row in batch_rows]
            learned = [example for example in examples if example.response_tokens]
            # A batch of empty responses alone holds nothing to learn: the weights stay.
            if learned:
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate_at(step)
                with _precision(settings):
                    loss = response_losses(model, collate(learned, pad_id, device)).mean()
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                optimizer.zero_grad()
            rows_seen += len(examples)
            response_tokens_seen += sum(example.response_tokens for example in learned)
            on_step()

        if step in wanted:
            losses = _test_losses(model, test_batches, len(tests), settings)
            if not np.isfinite(losses).all():
                raise TrainingError(
                    f"order {order}: the test loss is no number after {step} steps at learning "
                    f"rate {settings.learning_rate}; ask for a lower one"
                )
            yield Evaluation(step, rows_seen, response_tokens_seen, losses)


def _precision(settings: TrainSettings) -> AbstractContextManager[object]:
    if not settings.bfloat16:
        return nullcontext()
    return torch.autocast(settings.device.partition(":")[0], dtype=torch.bfloat16)


def _test_batches(
    tests: Sequence[ScoredTest], pad_id: int, device: torch.device
) -> list[tuple[list[int], TokenBatch]]:
    """Places in `tests` and their tokens; rows of like length together, for little padding."""
    by_length = sorted(range(len(tests)), key=lambda place: len(tests[place].example.ids))
    groups = [
        by_length[first : first + _TEST_ROWS_A_BATCH]
        for first in range(0, len(by_length), _TEST_ROWS_A_BATCH)
    ]
    return [
        (group, collate([tests[place].example for place in group], pad_id, device))
        for group in groups
    ]


@torch.inference_mode()
def _test_losses(
    model: PreTrainedModel,
    batches: Sequence[tuple[list[int], TokenBatch]],
    tests: int,
    settings: TrainSettings,
) -> NDArray[np.float64]:
    """Mean loss of each test row, float64 [tests]."""
    means = np.empty(tests, dtype=np.float64)
    for places, batch in batches:
        with _precision(settings):
            losses = response_losses(model, batch).cpu().numpy().astype(np.float64)
        starts = np.cumsum([0, *batch.tokens_a_row[:-1]])
        means[places] = np.add.reduceat(losses, starts) / np.array(batch.tokens_a_row)
    return means
