"""Measures, intervals and verdicts against loops that follow their definitions."""

import re
import time
from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tests.checks.curves_made_up import MadeUp
from tma_prep.checks.losses import read_losses
from tma_prep.checks.statistics import check_summary, differences
from tma_prep_schemas import CheckSummary, Control, Difference, Evaluated, Measure

Key = tuple[Control, str]
_ORDERS: dict[Key, float] = {("none", "nft"): -0.4, ("none", "rt"): 0.0, ("none", "fft"): 0.2}
_NULL: dict[Key, float] = {("null", f"random-{k}"): 0.0 for k in (1, 2, 3)}
_CLEAN: dict[Key, float] = {
    ("no-leak", "nft"): 0.0,
    ("no-leak", "rt"): 0.0,
    ("no-leak", "fft"): 0.3,
}
_ALL = _ORDERS | _NULL | _CLEAN


def _summary(curves: pa.Table, evaluated: Evaluated = "all") -> CheckSummary:
    return check_summary(
        curves,
        evaluated=evaluated,
        model="tiny",
        parameters=10,
        batch_size=16,
        unscored_test_rows=[99],
        base=None,
        leakage=None,
        falls=[],
    )


def _by_key(found: list[Difference]) -> dict[tuple[str, str, str, str], Difference]:
    return {(one.control, one.a, one.b, one.measure): one for one in found}


def _value(points: list[tuple[float, float]], measure: Measure, limit: float) -> float:
    """A measure of one curve of (x, loss), integrated on a fine grid."""
    xs, ys = np.array(points).T
    if measure == "final_loss":
        return float(ys[-1])
    if measure == "early_loss":
        return float(np.interp(0.1 * xs[-1], xs, ys))
    grid = np.linspace(0, limit, 20_001)
    middle = (grid[1:] + grid[:-1]) / 2
    return float(np.interp(middle, xs, ys).mean())


def _measured(
    curves: pa.Table, control: str, measure: Measure
) -> dict[tuple[str, int, int], float]:
    """By order, seed and test row, from rows of the table one by one."""
    rows = [row for row in curves.to_pylist() if row["control"] == control]
    x = "response_tokens_seen" if measure == "auc_tokens" else "step"
    points: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda row: row["step"]):
        key = (row["order"], row["seed"], row["test_row"])
        points.setdefault(key, []).append((row[x], row["loss"]))
    limit = min(each[-1][0] for each in points.values())
    return {key: _value(each, measure, limit) for key, each in points.items()}


def _naive_bootstrap(
    values: Mapping[tuple[int, int], float], task_of: Mapping[int, str]
) -> tuple[float, float]:
    """Draw seeds, and one set of tasks for all of them; mean over every instance drawn."""
    random = np.random.default_rng([0, 5])
    seeds = sorted({seed for seed, _ in values})
    tasks = sorted(set(task_of.values()))
    seed_draws = random.multinomial(len(seeds), [1 / len(seeds)] * len(seeds), 2000)
    task_draws = random.multinomial(len(tasks), [1 / len(tasks)] * len(tasks), 2000)
    means = []
    for seed_counts, task_counts in zip(seed_draws, task_draws, strict=True):
        drawn_seeds = [s for s, count in zip(seeds, seed_counts, strict=True) for _ in range(count)]
        drawn_tasks = [t for t, count in zip(tasks, task_counts, strict=True) for _ in range(count)]
        tests = [test for task in drawn_tasks for test in task_of if task_of[test] == task]
        means.append(np.mean([values[seed, test] for seed in drawn_seeds for test in tests]))
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


@pytest.mark.parametrize("measure", ["auc_steps", "auc_tokens", "early_loss", "final_loss"])
def test_differences_against_loops(measure: Measure) -> None:
    """Mean and interval of every pair, tasks of unlike sizes."""
    curves = MadeUp(_ALL, tasks=4, tests_a_task=2, steps=(0, 2, 6, 10)).curves()
    curves = pa.Table.from_pylist(
        [row for row in curves.to_pylist() if row["test_row"] != 5], schema=curves.schema
    )
    task_of = {row["test_row"]: row["task"] for row in curves.to_pylist()}
    found = _by_key(differences(read_losses(curves)))
    for control, a, b in [("none", "nft", "rt"), ("no-leak", "nft", "fft")]:
        values = _measured(curves, control, measure)
        paired = {
            (seed, test): values[a, seed, test] - values[b, seed, test]
            for seed in range(3)
            for test in task_of
        }
        one = found[control, a, b, measure]
        assert one.mean == pytest.approx(np.mean(list(paired.values())), abs=1e-6)
        assert (one.low, one.high) == pytest.approx(_naive_bootstrap(paired, task_of), abs=1e-6)
        random = _measured(curves, "null", measure)
        widest = []
        for seed in range(3):
            means = [
                np.mean([random[f"random-{k}", seed, test] for test in task_of]) for k in (1, 2, 3)
            ]
            widest.append(max(means) - min(means))
        assert one.envelope == pytest.approx(np.mean(widest), abs=1e-6)
        half = (one.high - one.low) / 2
        assert one.smallest_effect == pytest.approx(max(one.envelope or 0, half))


def test_every_pair_control_and_measure_once() -> None:
    """Orders as first named; a − b."""
    found = differences(read_losses(MadeUp(_ALL).curves()))
    assert len(_by_key(found)) == len(found) == 3 * 3 * 4
    assert {(one.a, one.b) for one in found if one.control == "no-leak"} == {
        ("nft", "rt"),
        ("nft", "fft"),
        ("rt", "fft"),
    }


def test_random_orders_never_differ_among_themselves() -> None:
    """Whatever the noise: they make the envelope."""
    for seed in range(20):
        curves = MadeUp(_NULL, noise=1.0).curves(seed)
        assert {one.verdict for one in differences(read_losses(curves))} == {"no effect found"}


def test_two_equal_processes_are_nearly_never_told_apart() -> None:
    """Orders that differ by the luck of the draw alone, at several kinds of luck."""
    same: dict[Key, float] = {("none", "a"): 0.0, ("none", "b"): 0.0}
    false = []
    for noise, task_noise in [(0.05, 0.0), (0.05, 0.1), (0.0, 0.2)]:
        for seed in range(60):
            made = MadeUp(same | _NULL, noise=noise, task_noise=task_noise, test_noise=0.1)
            found = _by_key(differences(read_losses(made.curves(seed))))
            false.append(found["none", "a", "b", "auc_steps"].verdict != "no effect found")
    assert np.mean(false) < 0.05


def test_planted_effects_are_found_with_their_sign() -> None:
    """Lower, higher, and none where leakage made it."""
    called = []
    for seed in range(20):
        found = _by_key(differences(read_losses(MadeUp(_ALL, noise=0.03).curves(seed))))
        assert found["none", "nft", "rt", "auc_steps"].verdict == "lower"
        assert found["none", "rt", "fft", "final_loss"].verdict == "lower"
        assert found["no-leak", "nft", "fft", "final_loss"].verdict == "lower"
        called.append(found["no-leak", "nft", "rt", "auc_steps"].verdict != "no effect found")
    assert sum(called) <= 2
    orders: dict[Key, float] = {("none", "rt"): 0.0, ("none", "nft"): -0.4}
    found = _by_key(differences(read_losses(MadeUp(orders | _NULL).curves())))
    assert found["none", "rt", "nft", "auc_steps"].verdict == "higher"


def test_what_lies_inside_the_envelope_is_no_finding() -> None:
    """However narrow its interval."""
    quiet = MadeUp({("none", "a"): 0.0, ("none", "b"): 0.1}, noise=0, task_noise=0, test_noise=0)
    assert differences(read_losses(quiet.curves()))[0].verdict == "lower"
    loud = MadeUp(_NULL | {("null", "random-1"): -0.3}, noise=0, task_noise=0, test_noise=0)
    both = pa.concat_tables([quiet.curves(), loud.curves()])
    one = _by_key(differences(read_losses(both)))["none", "a", "b", "auc_steps"]
    assert one.high < 0
    assert one.verdict == "no effect found"
    assert one.smallest_effect == one.envelope


def test_the_sequence_of_rows_means_nothing() -> None:
    """Any table of the same rows gives the same numbers; pairs turn with the names."""
    curves = MadeUp(_ALL).curves()
    shuffled = pa.table(pl.DataFrame(curves).sample(fraction=1, shuffle=True, seed=1)).cast(
        curves.schema
    )
    before, after = (
        _by_key(differences(read_losses(curves))),
        _by_key(differences(read_losses(shuffled))),
    )
    for (control, a, b, measure), one in before.items():
        if (control, a, b, measure) in after:
            assert after[control, a, b, measure] == one
        else:
            turned = after[control, b, a, measure]
            numbers = (-turned.mean, -turned.high, -turned.low, turned.envelope)
            assert (one.mean, one.low, one.high, one.envelope) == pytest.approx(numbers)
    key = lambda one: (one.control, one.order)  # noqa: E731
    assert sorted(_summary(curves).orders, key=key) == sorted(_summary(shuffled).orders, key=key)


def test_one_seed_resamples_tasks_alone() -> None:
    """And the headline says what that is worth."""
    curves = MadeUp(_ORDERS, seeds=1).curves()
    task_of = {row["test_row"]: row["task"] for row in curves.to_pylist()}
    values = _measured(curves, "none", "final_loss")
    paired = {(0, t): values["nft", 0, t] - values["rt", 0, t] for t in task_of}
    one = _by_key(differences(read_losses(curves)))["none", "nft", "rt", "final_loss"]
    assert (one.low, one.high) == pytest.approx(_naive_bootstrap(paired, task_of), abs=1e-9)
    assert one.envelope is None
    summary = _summary(curves)
    assert summary.seeds == [0]
    assert summary.headline.endswith("one seed: an observation, not a finding.")


@pytest.mark.parametrize("tasks", [0, 1])
def test_without_tasks_each_test_stands_for_itself(tasks: int) -> None:
    """The same where all tests are of one task: there is nothing else to draw from."""
    summary = _summary(MadeUp(_ORDERS, tasks=tasks, tests_a_task=12).curves())
    assert summary.tasks == 12
    assert all(one.low < one.high for one in summary.differences)


def test_a_single_test_of_a_single_seed_shows_nothing() -> None:
    """Its interval has no width, whatever the loss."""
    curves = MadeUp(_ORDERS, tasks=1, tests_a_task=1, seeds=1).curves()
    assert {one.verdict for one in differences(read_losses(curves))} == {"no effect found"}


def test_orders_of_other_lengths_are_not_compared() -> None:
    """Nor orders that share no seed."""
    long, short = MadeUp({("none", "a"): 0.0}), MadeUp({("none", "b"): 0.0}, steps=(0, 2, 4))
    curves = pa.concat_tables([long.curves(), short.curves()])
    assert differences(read_losses(curves)) == []
    assert "no two can be compared" in _summary(curves).headline
    assert "trained alone" in _summary(long.curves()).headline


def test_a_table_with_a_hole_is_refused() -> None:
    """A row gone, or there twice."""
    curves = MadeUp(_ORDERS).curves()
    for broken in (curves.slice(1), pa.concat_tables([curves, curves.slice(0, 30)])):
        with pytest.raises(ValueError, match="every test row at every evaluation"):
            _summary(broken)


def test_the_summary_of_an_order_against_loops() -> None:
    """Curve, token-weighted curve, and what is read off them."""
    curves = MadeUp(_ALL).curves()
    frame = pl.DataFrame(curves).filter(pl.col("control") == "none", pl.col("order") == "nft")
    one = next(o for o in _summary(curves).orders if (o.control, o.order) == ("none", "nft"))
    for place, step in enumerate(one.steps):
        here = frame.filter(pl.col("step") == step)
        weight = here["response_tokens"].to_numpy()
        assert one.loss[place] == pytest.approx(here["loss"].mean())
        assert one.token_weighted_loss[place] == pytest.approx(
            np.average(here["loss"].to_numpy(), weights=weight)
        )
        assert one.loss_low[place] <= one.loss[place] <= one.loss_high[place]
    assert one.auc_steps == pytest.approx(np.trapezoid(one.loss, one.steps) / one.steps[-1])
    assert (one.start_loss, one.final_loss) == pytest.approx((one.loss[0], one.loss[-1]))
    assert one.early_loss == pytest.approx(np.interp(4, one.steps, one.loss))
    random = next(o for o in _summary(curves).orders if (o.control, o.order) == ("none", "rt"))
    reached = one.steps_to_reach_random
    assert reached is not None and reached < 40
    assert np.interp(reached, one.steps, one.loss) == pytest.approx(random.final_loss)
    assert random.steps_to_reach_random == pytest.approx(40)
    farthest = next(o for o in _summary(curves).orders if (o.control, o.order) == ("none", "fft"))
    assert farthest.steps_to_reach_random is None
    null = [o for o in _summary(curves).orders if o.control == "null"]
    assert len(null) == 3 and all(o.steps_to_reach_random is None for o in null)


def test_milestones_by_interpolation() -> None:
    """The mean curve is at half and at a tenth of its fall there, for all tests and for tasks."""
    curves = MadeUp(_ALL).curves()
    found = _summary(curves).milestones
    assert len(found) == 9 * 7
    for one in found:
        frame = pl.DataFrame(curves).filter(control=one.control, order=one.order)
        frame = frame if one.task is None else frame.filter(task=one.task)
        mean = frame.group_by("step").agg(pl.col("loss").mean()).sort("step")
        loss, step = mean["loss"].to_numpy(), mean["step"].to_numpy()
        assert one.fall_total == pytest.approx(loss[0] - loss.min())
        for share, at in ((0.5, one.step_50), (0.9, one.step_90)):
            assert at is not None
            assert np.interp(at, step, loss) == pytest.approx(loss[0] - share * one.fall_total)


def test_a_loss_that_never_falls_has_no_milestone() -> None:
    """Nothing is interpolated out of a rise."""
    one = _summary(MadeUp({("none", "a"): 9.0}).curves()).milestones[0]
    assert (one.fall_total, one.step_50, one.step_90) == (0.0, None, None)


def test_the_headline_leads_with_what_survives() -> None:
    """And says what the whole pool showed that does not."""
    text = _summary(MadeUp(_ALL, noise=0.01).curves()).headline
    assert text.startswith(
        "Without leaking rows, the test loss (mean over the steps) is lower with"
    )
    assert re.search(
        r"nft than with fft by 0\.18\d nats \[.*\] \(0\.3\d\d on the whole pool\)", text
    )
    assert "no effect found between nft and rt (" in text
    assert "what the whole pool showed between nft and rt (-0." in text
    assert text.endswith("does not survive.")
    nothing: dict[Key, float] = dict.fromkeys(_ALL, 0.0)
    text = _summary(MadeUp(nothing, noise=0.0).curves()).headline
    assert text.startswith("Without leaking rows, no effect found between nft and rt, ")
    alone = _summary(MadeUp(_ORDERS).curves()).headline
    assert alone.startswith("The test loss (mean over the steps) is lower with nft than with fft")
    assert alone.endswith("; leaking rows were not taken out.")


@pytest.mark.parametrize(
    ("evaluated", "start"),
    [
        ("seen", "On the targets that the orders were arranged for, without leaking rows, the "),
        ("unseen", "On targets that the orders never saw, without leaking rows, the test loss "),
    ],
)
def test_the_headline_says_which_targets(evaluated: Evaluated, start: str) -> None:
    """Where not all were evaluated; the rest of it is the same."""
    curves = MadeUp(_ALL).curves()
    summary, whole = _summary(curves, evaluated), _summary(curves)
    assert summary.evaluated == evaluated and summary.headline.startswith(start)
    assert summary.headline.lower().endswith(whole.headline.lower())


def test_the_summary_survives_json() -> None:
    """Every number is one, and unscored rows count as test rows."""
    summary = _summary(MadeUp(_ALL).curves())
    assert (summary.test_rows, summary.tasks, summary.steps) == (31, 6, 40)
    assert (summary.train_rows, summary.batch_size) == (640, 16)
    assert CheckSummary.model_validate_json(summary.model_dump_json()) == summary


def test_a_large_check_takes_about_a_second() -> None:
    """Nine orders, three seeds, 200 tests of 40 tasks, 2,000 resamples."""
    curves = MadeUp(_ALL, tasks=40).curves()
    begin = time.perf_counter()
    _summary(curves)
    assert time.perf_counter() - begin < 5
