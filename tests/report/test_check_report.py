"""The report of a train check, as a browser would read it."""

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

import pyarrow as pa

from tma_prep.report import render_check_report
from tma_prep_schemas import CURVES, CheckSummary
from tma_prep_schemas.manifests import OrderSummary

_STEPS = [0, 2, 6]
_VOID = {"meta", "br"}
_CURVES = {
    "nft": [6.0, 3.0, 2.0],
    "rt": [6.0, 4.0, 3.0],
    "fft": [6.0, 5.0, 5.0],
}
_SETTINGS: dict[str, object] = {
    "steps": 6,
    "batch_size": 4,
    "device": "cpu",
    "tokens": None,
    "strict": True,
    "overwrite": False,
    "order": ["nft", "rt", "fft"],
    "tag": "a b",
}


class _Page(HTMLParser):
    """Collects tags and text, and notices tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text))


def _order(name: str, loss: Sequence[float]) -> OrderSummary:
    auc = ((loss[0] + loss[1]) / 2 * 2 + (loss[1] + loss[2]) / 2 * 4) / 6
    return OrderSummary(
        order=name,
        start_loss=loss[0],
        final_loss=loss[-1],
        best_loss=min(loss),
        auc_steps=auc,
        rows_seen=24,
        response_tokens_seen=1234,
        steps=_STEPS,
        loss=list(loss),
        token_weighted_loss=list(loss),
    )


def _render(
    curves: Mapping[str, Sequence[float]] = _CURVES,
    tasks: Sequence[str | None] = ("sums", "colours"),
    unscored: Sequence[int] = (),
    settings: Mapping[str, object] = _SETTINGS,
) -> str:
    summary = CheckSummary(
        test_rows=len(tasks) + len(unscored),
        train_rows=24,
        steps=6,
        batch_size=4,
        parameters=1_328_256,
        unscored_test_rows=list(unscored),
        orders=[_order(name, loss) for name, loss in curves.items()],
    )
    rows = [
        (name, 0, step, step * 4, step * 10, test_row, task, value, 3)
        for name, loss in curves.items()
        for step, value in zip(_STEPS, loss, strict=True)
        for test_row, task in enumerate(tasks)
    ]
    columns = dict(zip(CURVES.names, map(list, zip(*rows, strict=True)), strict=True))
    return render_check_report(summary, pa.table(columns, schema=CURVES), settings)


def test_the_page_loads_and_runs_nothing() -> None:
    """A strict policy, no script, no address, nothing with a source; every tag closes."""
    html = _render()
    page = _Page(html)
    assert page.open == []
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not {"src", "href", "style", "action"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not re.search(r"http(?!-equiv)|url\(|@import|//", html)


def test_it_opens_with_the_finding_and_its_limits() -> None:
    """Which order, by how much, and that one seed shows little."""
    words = _Page(_render()).words
    # Areas: nft 19/6, rt 24/6.
    lead = (
        "nft had the lowest area under the test-loss curve: 3.167 nats a response token on "
        "average over 6 steps, 0.833 (20.8%) below rt, the next of 3 orders."
    )
    assert lead in words
    assert words.index(lead) < words.index("An observation, not a finding.")
    assert words.index("An observation, not a finding.") < words.index("The numbers")
    assert "one seed of a tiny model" in words
    assert "Every order started from the same weights, at a loss of 6.000." in words


def test_one_order_and_ties_claim_no_winner() -> None:
    """Nothing is lowest where nothing is lower."""
    alone = _Page(_render({"nft": _CURVES["nft"]})).words
    assert "nft was trained alone" in alone
    assert "had the lowest" not in alone
    tie = _Page(_render({"nft": _CURVES["nft"], "rt": _CURVES["nft"]})).words
    assert "nft and rt tie for the lowest area" in tie


def test_a_tiny_lead_is_not_shown_as_nothing() -> None:
    """0.000 would read as a tie."""
    near = [value + 1e-5 for value in _CURVES["nft"]]
    assert "less than 0.001" in _Page(_render({"nft": _CURVES["nft"], "rt": near})).words


def test_every_order_is_drawn_in_every_chart() -> None:
    """One large chart and one small one a task, three lines each, and a mark an evaluation."""
    page = _Page(_render())
    assert page.tags.count("svg") - page.tags.count("li") == 1 + 2
    assert page.tags.count("polyline") == 3 * (1 + 2)
    assert page.tags.count("circle") == 3 * len(_STEPS)
    assert "nft, step 2: 3.0000" in page.words


def test_tasks_without_a_name() -> None:
    """Shown as such beside named ones; no task section where none has a name."""
    assert "(no task) 1 row" in _Page(_render(tasks=("sums", None))).words
    assert "Task by task" not in _Page(_render(tasks=(None, None))).words


def test_what_users_wrote_is_escaped() -> None:
    """Task, order and setting are text, whatever they spell."""
    evil = '<script>alert("x")</script>'
    page = _Page(_render({evil: _CURVES["nft"]}, (evil,), settings={evil: evil}))
    assert "script" not in page.tags
    assert page.open == []
    assert f"{evil} 1 row" in page.words


def test_unscored_rows_are_named() -> None:
    """They are in no curve, so the page says so."""
    assert "left out: 2, 3." in _Page(_render(unscored=(2, 3))).words
    assert "left out" not in _Page(_render()).words


def test_settings_and_the_command_that_repeats_it() -> None:
    """Every setting is shown; the command names each that was set, quoted where need be."""
    words = _Page(_render()).words
    assert "batch_size4" in words
    assert "tokensnot set" in words
    assert (
        "tma-prep train-check WORK --order nft --order rt --order fft --steps 6 --batch-size 4 "
        "--device cpu --strict --tag 'a b'"
    ) in words


def test_the_same_check_gives_the_same_bytes() -> None:
    """No time and no random id in the page."""
    assert _render() == _render()
