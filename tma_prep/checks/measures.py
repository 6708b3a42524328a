"""What is measured of a loss curve: each a weighted sum of its evaluations."""

import numpy as np
from numpy.typing import NDArray

from tma_prep.checks.losses import RunLosses
from tma_prep_schemas import Measure

MEASURES: tuple[Measure, ...] = ("auc_steps", "auc_tokens", "early_loss", "final_loss")

EARLY_SHARE = 0.1


def measured(run: RunLosses, token_limit: int) -> dict[Measure, NDArray[np.float64]]:
    """Every measure of every test, float64 [tests].

    Args:
        run: With evaluations from step 0 on.
        token_limit: Response tokens that every run of the control has seen.
    """
    step = run.step.astype(np.float64)
    final = np.zeros(len(step))
    final[-1] = 1.0
    weights: dict[Measure, NDArray[np.float64]] = {
        "auc_steps": area_weights(step, step[-1]),
        "auc_tokens": area_weights(run.tokens_seen.astype(np.float64), float(token_limit)),
        "early_loss": place_weights(step, EARLY_SHARE * step[-1]),
        "final_loss": final,
    }
    return {measure: weights[measure] @ run.losses for measure in MEASURES}


def area_weights(xs: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Weights of the values at `xs` in the mean, by trapezoids, of their curve from 0 to `end`.

    Args:
        xs: Ascending from 0; equal neighbours are allowed.
        end: At most the last; 0 gives the first value.
    """
    if end <= 0:
        return place_weights(xs, 0.0)
    width = np.diff(xs)
    within = np.clip(end - xs[:-1], 0.0, width)
    share = np.divide(within, width, out=np.zeros_like(width), where=width > 0)
    weights = np.zeros(len(xs))
    weights[:-1] += within * (1 - share / 2)
    weights[1:] += within * share / 2
    return weights / end


def place_weights(xs: NDArray[np.float64], x: float) -> NDArray[np.float64]:
    """Weights of the values at `xs` in the value of their curve at `x`, which lies on it."""
    after = int(np.clip(np.searchsorted(xs, x), 1, max(1, len(xs) - 1)))
    weights = np.zeros(len(xs))
    if len(xs) == 1:
        weights[0] = 1.0
        return weights
    width = xs[after] - xs[after - 1]
    share = (x - xs[after - 1]) / width if width > 0 else 0.0
    weights[after - 1], weights[after] = 1 - share, share
    return weights


def first_reach(xs: NDArray[np.float64], ys: NDArray[np.float64], level: float) -> float | None:
    """The first x at which the curve is at or below a level; None if it never is."""
    low = np.flatnonzero(ys <= level)
    if not len(low):
        return None
    here = int(low[0])
    if here == 0:
        return float(xs[0])
    share = (ys[here - 1] - level) / (ys[here - 1] - ys[here])
    return float(xs[here - 1] + share * (xs[here] - xs[here - 1]))
