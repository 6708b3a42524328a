"""What `checks/NAME/summary.json` says, as pydantic models that refuse unknown keys.

Losses are in nats a response token, lower is better. Everything under `orders`, `differences` and
`milestones` can be computed again from `curves.parquet` alone.
"""

from typing import Literal

from pydantic import Field

from tma_prep_schemas.strict import Strict

Control = Literal["none", "null", "no-leak"]
"""`none`: the orders as asked for. `null`: random orders. `no-leak`: without leaking rows."""

Measure = Literal["auc_steps", "auc_tokens", "early_loss", "final_loss"]

TargetRole = Literal["validation", "test"]
"""What the target rows are to the user: data to choose by, or data that results are told of."""

Verdict = Literal["lower", "higher", "no effect found"]

Evaluated = Literal["all", "seen", "unseen"]
"""Test rows whose loss is taken: all, those the orders were arranged for, or those held out."""


class Base(Strict):
    """The training that came before every order, mean over seeds."""

    steps: int = Field(ge=1)
    rows: int = Field(ge=1, description="rows it was trained on, left out of every order")
    mean_loss_before: float
    mean_loss_after: float


class Leakage(Strict):
    """Which rows of the pool hold a test row."""

    rule: str = Field(description="`half`: of a test's distinct word n-grams, or `any` of them")
    ngram: int = Field(ge=1, description="words of an n-gram")
    pool_rows: int = Field(ge=1)
    leaking_rows: int = Field(ge=0)
    equal_rows: int = Field(ge=0, description="of those, equal to a test row once normalised")
    ngram_rows: int = Field(ge=0, description="of those, leaking by n-grams alone")
    share_of_first: dict[str, float]
    """by order: share of the rows it was trained on that leak"""


class OrderSummary(Strict):
    """One order's curve in a few numbers, mean over seeds and test rows."""

    control: Control
    order: str
    start_loss: float
    final_loss: float
    best_loss: float = Field(description="lowest of the mean curve")
    early_loss: float = Field(description="after a tenth of the steps, between evaluations")
    auc_steps: float = Field(description="mean of the loss curve over steps, by trapezoids")
    auc_tokens: float
    """the same over response tokens, up to what every run of the control has seen"""
    steps_to_reach_random: float | None
    """first step, between evaluations, with the random order's final loss; null where it never
    comes so low or no random order was compared"""
    rows_seen: int
    response_tokens_seen: int = Field(description="mean over seeds, rounded")
    steps: list[int]
    loss: list[float] = Field(description="mean over seeds and test rows, at each of `steps`")
    loss_low: list[float] = Field(description="lower end of its 95 % interval")
    loss_high: list[float] = Field(description="upper end of its 95 % interval")
    token_weighted_loss: list[float] = Field(description="mean over seeds and response tokens")


class Difference(Strict):
    """Two orders compared: a − b, paired by seed and test row; below 0, a is better."""

    a: str
    b: str
    measure: Measure
    control: Control
    mean: float
    low: float = Field(description="lower end of the 95 % interval, crossed bootstrap")
    high: float = Field(description="upper end of the 95 % interval")
    verdict: Verdict
    envelope: float | None
    """largest mean difference that random orders showed among themselves, however those of
    different seeds are paired; null where none were trained"""
    smallest_effect: float
    """smallest effect this run could have called: the envelope or half the interval's width,
    whichever is larger"""


class Milestone(Strict):
    """When the loss had fallen: steps are interpolated between evaluations."""

    control: Control
    order: str
    task: str | None = Field(description="null for all tests together")
    fall_total: float = Field(description="of the mean curve, from the start to the lowest")
    step_50: float | None = Field(description="half of the fall had come; null where none came")
    step_90: float | None


class FallRow(Strict):
    """A row consumed during a fall, and the nearest test of that task."""

    tma_row: int
    similarity: float
    test_row: int


class Fall(Strict):
    """One of the sharpest falls of a task's loss: between two evaluations, by the step."""

    control: Control
    order: str
    seed: int
    task: str | None = Field(description="null for tests that name none")
    from_step: int
    to_step: int
    fall: float = Field(gt=0, description="of the mean loss of the task's tests")
    rows: list[FallRow]
    """of the rows consumed in between, those nearest to a test of the task"""


class CheckSummary(Strict):
    """`checks/NAME/summary.json`: the numbers a person asks for first."""

    format_version: Literal[2] = 2
    headline: str = Field(description="one sentence: what survives, or that no effect was found")
    evaluated: Evaluated = "all"
    """test rows the loss is of: all, those that the orders were arranged for, or those that
    `target_fraction` held out of them"""
    target_role: TargetRole = "test"
    """`validation` only where every order was arranged with it"""
    model: str
    parameters: int = Field(description="trainable weights of the model")
    seeds: list[int]
    tasks: int = Field(description="clusters of the bootstrap: tasks, and tests that name none")
    test_rows: int
    unscored_test_rows: list[int] = Field(description="test rows without a response token")
    train_rows: int = Field(description="rows each run was trained on")
    steps: int
    batch_size: int
    base: Base | None = Field(description="null where no training came before")
    leakage: Leakage | None = Field(description="null where it was not looked for")
    orders: list[OrderSummary]
    differences: list[Difference]
    milestones: list[Milestone]
    falls: list[Fall]
