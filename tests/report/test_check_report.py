"""The report of a train check, as a browser would read it."""

import re
from dataclasses import replace

import polars as pl
import pytest

from tests.checks.curves_made_up import MadeUp
from tests.report.check_made_up import (
    CLEAN,
    EVERYTHING,
    NULL,
    ORDERS,
    SETTINGS,
    TASKS,
    made_up_check,
)
from tests.report.parsed import Page
from tma_prep.report.check_report import render_check_report
from tma_prep.report.text import MINUS


@pytest.fixture(scope="module")
def html() -> str:
    """The whole setting: three orders, both controls, tasks, falls."""
    return made_up_check(unscored=[31, 32]).html


@pytest.fixture(scope="module")
def words(html: str) -> str:
    """Its text."""
    return Page(html).words


def test_the_page_loads_and_runs_nothing(html: str) -> None:
    """A strict policy, no script, no address, nothing with a source; every tag closes."""
    page = Page(html)
    assert page.open == []
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not {"src", "action"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert all(str(value).startswith("#") for name, value in page.attributes if name == "href")
    assert not re.search(r"http(?!-equiv)|url\((?!#)|@import|//", html)


def test_it_opens_with_what_survives(words: str) -> None:
    """The headline of the summary, then verdicts without leaking rows before the whole pool's."""
    headline = made_up_check().summary.headline
    first, _, rest = headline.partition("; ")
    assert words.index(first) < words.index(rest[1:]) < words.index("Compared")
    assert words.index("Without leaking rows", words.index("Compared")) < words.index("Whole pool")
    parts = ("Test loss over steps", "Differences", "Leakage", "Task by task")
    more = ("Similarity against loss", "Where generalisation happened", "Sharpest falls")
    places = [words.index(part, 400) for part in (*parts, *more, "Settings", "How to repeat it")]
    assert places == sorted(places)


def test_every_difference_stands_in_the_table(words: str) -> None:
    """With its interval and verdict, as in the summary."""
    for one in made_up_check().summary.differences:
        ends = f"[{one.low:+.3f}, {one.high:+.3f}]".replace("-", MINUS)
        assert ends.replace("+0.000", "0.000").replace(f"{MINUS}0.000", "0.000") in words
        assert one.verdict in words
        assert f"{one.a} {MINUS} {one.b}" in words


def test_marks_show_the_curves(words: str) -> None:
    """What a mark says is the mean over the table's rows."""
    curves = pl.DataFrame(made_up_check().curves)
    for order in ("nft", "rt", "fft"):
        for step in (0, 12, 40):
            here = curves.filter(control="none", order=order, step=step)
            loss = float(here["loss"].to_numpy().mean())
            assert f"{order}, step {step}: {loss:.4f}" in words


def test_every_part_is_drawn(html: str) -> None:
    """Large chart, three controls, four forests, tasks thrice or more, similarity, milestones."""
    page = Page(html)
    charts = html.count('role="img"')
    assert charts == 1 + 3 + 4 + len(TASKS) * 4 + 3 + 1
    assert page.tags.count("desc") == charts
    assert html.count('class="band"') == 3 + 9
    assert html.count('class="shade"') == 4


@pytest.mark.parametrize(
    ("effects", "seeds", "said", "unsaid"),
    [
        (ORDERS, 1, ("One seed: an observation", "luck alone", "without leaking rows: what"), ()),
        (ORDERS | NULL, 3, ("without leaking rows: what",), ("One seed", "luck alone is")),
        (ORDERS | CLEAN, 3, ("luck alone is not known", "no envelope"), ("One seed",)),
        (EVERYTHING, 3, ("The shaded ground",), ("One seed", "not known", "not trained again")),
    ],
)
def test_what_a_run_cannot_show_is_said(
    effects: dict[tuple[str, str], float],
    seeds: int,
    said: tuple[str, ...],
    unsaid: tuple[str, ...],
) -> None:
    """One seed, a control that was left out."""
    words = Page(made_up_check(MadeUp(effects, seeds=seeds)).html).words  # type: ignore[arg-type]
    for text in said:
        assert text in words
    for text in unsaid:
        assert text not in words


def test_few_tasks_are_pointed_out() -> None:
    """Intervals from three clusters are too narrow."""
    assert "only 3 tasks" in Page(made_up_check(MadeUp(ORDERS, tasks=3)).html).words


def test_one_order_alone() -> None:
    """Nothing to compare, everything else shown."""
    page = Page(made_up_check(MadeUp({("none", "nft"): 0.0}, names=TASKS)).html)
    assert "nft was trained alone" in page.words
    assert "Differences" not in page.words
    assert page.open == []


def test_without_tasks_or_vectors_those_parts_are_left_out() -> None:
    """No empty heading."""
    words = Page(made_up_check(MadeUp(ORDERS, tasks=0, tests_a_task=8), seen=False).html).words
    assert "Task by task" not in words
    assert "Similarity against loss" not in words
    assert "not known" in words
    with_tasks = Page(made_up_check(MadeUp(ORDERS), seen=False).html).words
    assert "Task by task" in with_tasks
    assert "Mean and centroid similarity" not in with_tasks


def test_a_curve_that_starts_and_ends_alike_can_be_drawn() -> None:
    """One evaluation only, no fall, flat lines."""
    flat = MadeUp({("none", "a"): 1.5, ("none", "b"): 1.5}, noise=0, task_noise=0, test_noise=0)
    for made in (flat, replace(flat, steps=(0, 1))):
        text = made_up_check(made).html
        assert "nan" not in text.lower().replace("governance", "")
        assert Page(text).open == []


def test_what_users_wrote_is_escaped() -> None:
    """Task, order, model and setting are text, whatever they spell."""
    evil = '<script>alert("x")</script>\x00\x1b[31m\u202e'
    made = MadeUp({("none", evil): 0.0, ("none", "rt"): 0.1}, names=(evil,) * 6, tasks=2)
    check = made_up_check(made, model=evil)
    text = render_check_report(check.summary, check.curves, {evil: evil, "orders": [evil]})
    page = Page(text)
    assert "script" not in page.tags
    assert page.open == []
    assert not re.search("[\x00\x1b\u202e]", text)
    assert '<script>alert("x")</script>\ufffd\ufffd[31m\ufffd' in page.words


def test_conditions_and_unscored_rows(words: str) -> None:
    """Who trained what on what; rows in no curve are named."""
    assert "1,328,256 weights trained, 3 seeds; 40 steps of 16 rows (640 rows a run)" in words
    assert "30 tests in 6 clusters" in words
    assert "from 8.310 to 5.660 nats" in words
    assert "left out: 31, 32." in words
    assert "1,234 (2.7%) leak a test" in words
    assert "nft76.0%" in words


def test_what_may_be_claimed_follows_from_the_role(words: str) -> None:
    """Of test rows nothing on unseen data; validation rows are to choose by."""
    assert "The target rows are test data" in words
    assert "no result on data that nobody looked at" in words
    check = made_up_check()
    summary = check.summary.model_copy(update={"target_role": "validation"})
    settings = {**SETTINGS, "target_role": "validation"}
    other = Page(render_check_report(summary, check.curves, settings)).words
    assert "tell results of test rows that no order was made from" in other
    assert "no result on data that nobody looked at" not in other
    assert "--target-role" not in other  # train-check has no such option


def test_settings_and_the_command_that_repeats_it(words: str) -> None:
    """Every setting is shown; the command names each that was set, quoted where need be."""
    assert "batch_size16" in words
    assert "loranot set" in words
    assert (
        "tma-prep train-check WORK --order nft --order rt --order fft --seeds 3 --steps 40 "
        "--batch-size 16 --model tiny --control null --control no-leak --tag 'a b'"
    ) in words
    check = made_up_check()
    off = render_check_report(check.summary, check.curves, SETTINGS | {"controls": []})
    assert "--control off" in Page(off).words


def test_the_same_check_gives_the_same_bytes(html: str) -> None:
    """No time and no random id in the page."""
    assert made_up_check(unscored=[31, 32]).html == html
