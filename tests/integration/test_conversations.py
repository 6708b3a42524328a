"""Conversations with tools from the file to the shards, the guard and the explanation."""

import json
from pathlib import Path

import pytest

from tests.rows.stored import Told
from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import InputError, VerdictError
from tma_prep.explain.stage import explain
from tma_prep.options import ArrangeOptions, EmbedOptions, ExplainOptions, VerifyOptions
from tma_prep.verify.stage import verify

TOPICS = ("volcano", "orchestra", "glacier", "parliament")
SHOTS = [("Translate: cat", "chat"), ("Translate: house", "maison")]
QUESTION = "A gardener plants seven rows of tulips with eleven bulbs in each; how many bloom?"
ANSWER = "Seven times eleven is seventy-seven, so that many tulips can bloom in the spring."


def _said(*texts: str) -> list[dict[str, object]]:
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]


def _lines(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def _embed(folder: Path, train: list[dict[str, object]], test: list[dict[str, object]]) -> Told:
    """Embed rows that bring vectors."""
    told = Told()
    for sign, rows in ((1.0, train), (-1.0, test)):
        for number, row in enumerate(rows):
            row["v"] = [sign * (1.0 + number), 2.0, 3.0 - number]
    embed(
        EmbedOptions(
            train=[_lines(folder / "train.jsonl", train)],
            test=[_lines(folder / "test.jsonl", test)],
            out=folder / "work",
            vectors_column="v",
        ),
        told,
    )
    return told


def test_targets_with_one_text_are_told(tmp_path: Path) -> None:
    """With the option that tells them apart; each is found by its id."""
    shots = [text for shot in SHOTS for text in shot]
    tests: list[dict[str, object]] = [
        {"id": f"q{n}", "messages": _said(*shots, f"Explain a {topic}.", "Like this.")}
        for n, topic in enumerate(TOPICS)
    ]
    pool: list[dict[str, object]] = [{"prompt": topic, "response": "r"} for topic in TOPICS]
    told = _embed(tmp_path, pool, tests)
    assert any("4 rows have 1 different texts; --test-exchange last" in one for one in told.notes)
    work = tmp_path / "work"
    arrange(ArrangeOptions(work=work))
    found = explain(ExplainOptions(work=work, id="q2")).test
    assert found is not None and (found.id, found.test_row) == ("q2", 2)
    with pytest.raises(InputError, match="--id q9: no row has it"):
        explain(ExplainOptions(work=work, id="q9"))


@pytest.mark.parametrize("place", ["second turn", "tool", "system"])
def test_the_guard_reads_every_message(tmp_path: Path, place: str) -> None:
    """Wherever a trainer would see the test."""
    planted: dict[str, list[dict[str, object]]] = {
        "second turn": _said("Hello", "Hello, what can I do?", QUESTION, ANSWER),
        "tool": [*_said("Hi", "Hi"), {"role": "tool", "content": f"{QUESTION} {ANSWER}"}],
        "system": [{"role": "system", "content": f"{QUESTION} {ANSWER}"}, *_said("Hi", "Hi")],
    }
    clean: list[dict[str, object]] = [
        {"messages": _said(f"What is a {topic}?", "A thing.")} for topic in TOPICS
    ]
    rows: list[dict[str, object]] = [*clean, {"messages": planted[place]}]
    _embed(tmp_path, rows, [{"messages": _said(QUESTION, ANSWER)}])
    work = tmp_path / "work"
    with pytest.raises(VerdictError, match="1 of 5 training rows"):
        arrange(ArrangeOptions(work=work, leakage="fail"))


def test_shared_system_prompts_and_tools_raise_no_alarm(tmp_path: Path) -> None:
    """A whole test set has them, and so has the pool."""
    system = {"role": "system", "content": f"{QUESTION} {ANSWER} Be kind to every caller."}
    tools = [{"name": "look_up", "description": f"Tells a caller that {ANSWER}"}]
    sides: list[list[dict[str, object]]] = [
        [
            {"messages": [system, *_said(f"{side} {topic}?", f"It is {side}.")], "tools": tools}
            for topic in TOPICS
        ]
        for side in ("What is a", "Who has seen one")
    ]
    _embed(tmp_path, *sides)
    result = arrange(ArrangeOptions(work=tmp_path / "work", leakage="fail"))
    assert result.leakage is not None and result.leakage.counts.rows == 0
    verified = verify(VerifyOptions(work=str(tmp_path / "work")))
    assert verified.proven
