"""The views of a sample: what is embedded of it and its id, what the guard reads."""

import json
from typing import Any

import pytest

from tests.rows.folder import Folder, read
from tma_prep.rows.messages import answer, question
from tma_prep.rows.sample import Exchange, Sample, TextPart, TextView, text_id

TOOL = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}
CALL = {"type": "function", "function": {"name": "add", "arguments": '{"b":1,"a":null}'}}


def _one(path: str) -> Sample:
    (sample,) = read(path).instances
    return sample


@pytest.mark.parametrize(
    ("response", "part", "text"),
    [
        ("r", "both", ("p", " r")),
        ("r", "prompt", ("p", "")),
        ("r", "response", ("", "r")),
        ("", "both", ("p", "")),
        ("", "prompt", ("p", "")),
        ("", "response", ("p", "")),
        (" ", "response", ("", " ")),
    ],
)
def test_parts(response: str, part: TextPart, text: tuple[str, str]) -> None:
    """An empty response gives the prompt alone, whichever part is asked for."""
    sample = Sample(0, (question("p"), answer(response)), (), None, None)
    assert sample.embedded(TextView("first", part)) == text
    assert sample.text_id(TextView("first", part)) == text_id("".join(text))


def test_ids() -> None:
    """BLAKE2b-128 of UTF-8."""
    assert text_id("") == "cae66941d9efbd404e4d88758ea67670"
    assert text_id("ü") != text_id("u")
    assert len(text_id("ü")) == 32


CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u1"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "t"},
    {"role": "assistant", "content": "a1"},
    {"role": "user", "content": "u2"},
    {"role": "assistant", "content": "a2"},
]
CALLED = 'add {"b": 1, "a": null}'


@pytest.mark.parametrize(
    ("exchange", "part", "text"),
    [
        ("first", "both", "u1 a1"),
        ("first", "prompt", "u1"),
        ("first", "response", "a1"),
        ("last", "both", "u2 a2"),
        ("last", "response", "a2"),
        ("all", "both", f"u1 {CALLED} t a1 u2 a2"),
        ("all", "prompt", "u1 t u2"),
        ("all", "response", f"{CALLED} a1 a2"),
    ],
)
def test_views(folder: Folder, exchange: Exchange, part: TextPart, text: str) -> None:
    """What is embedded of a conversation."""
    path = folder.lines("x.jsonl", {"messages": CHAT, "tools": [TOOL]})
    sample = _one(path)
    assert "".join(sample.embedded(TextView(exchange, part))) == text
    assert sample.target_text == f"u1 {CALLED} a1 u2 a2"
    assert sample.whole_text == f"s u1 {CALLED} t a1 u2 a2 {json.dumps(TOOL)}"


def test_a_user_who_has_the_last_word(folder: Folder) -> None:
    """Under `last` that message alone; a call stands in where no answer has text."""
    path = folder.lines("x.jsonl", {"messages": [*CHAT, {"role": "user", "content": "u3"}]})
    sample = _one(path)
    assert sample.exchange("last") == ("u3", "")
    assert sample.exchange("first") == ("u1", "a1")
    sample = _one(folder.lines("y.jsonl", {"messages": CHAT[:4]}))
    assert sample.exchange("first") == sample.exchange("last") == ("u1", CALLED)
