"""Bad input is refused in one line: the file, the row, what is wrong and the remedy."""

import json
import re

import pyarrow as pa
import pytest

from tests.rows.folder import Folder, json_lines, read

GOOD = '{"prompt": "p", "response": "r"}'
ENDINGS = ["jsonl", "json", "parquet", "arrow", "feather", "jsonl.gz", "json.gz", "arrow.zst"]

BAD_ROWS = {
    "broken line": (
        '{"prompt": "p", "resp',
        r"is not JSON: .* at character \d+; mend or remove it",
    ),
    "two objects": (GOOD + GOOD, "is not JSON: Extra data"),
    "a list": ('["p", "r"]', "must be a JSON object with named columns"),
    "a text": ('"p"', "must be a JSON object with named columns"),
    "null": ("null", "must be a JSON object with named columns"),
    "no prompt": ('{"response": "r"}', "has no `prompt`; add it, or leave the row out"),
    "no response": ('{"prompt": "p"}', "has no `response`; add it, or leave the row out"),
    "null prompt": ('{"prompt": null, "response": "r"}', "`prompt` is null; it must be text"),
    "number": ('{"prompt": 7, "response": "r"}', "`prompt` is int; it must be text"),
    "null response": ('{"prompt": "p", "response": null}', "`response` is null; it must be text"),
    "empty prompt": ('{"prompt": "", "response": "r"}', "the prompt is empty; write one, or leave"),
    "white prompt": ('{"prompt": " \\t\\n", "response": "r"}', "the prompt is empty; write one"),
    "surrogate": ('{"prompt": "\\ud800", "response": ""}', "holds half a surrogate pair.* mend it"),
    "surrogate elsewhere": (
        '{"prompt": "p", "response": "r", "x": ["\\udfff"]}',
        "column `x` holds half a surrogate pair, which is not text; mend it",
    ),
    "surrogate in a key": (
        '{"prompt": "p", "response": "r", "\\ud800": 1}',
        r"column `\\ud800` holds half a surrogate pair",
    ),
    "too large": (
        f'{{"prompt": "p", "response": "r", "big": {2**64}}}',
        r"column `big` holds 18446744073709551616, and a whole number must lie between "
        r"-2\*\*63 and 2\*\*63 - 1; write it as text",
    ),
    "too large in a list": (
        f'{{"prompt": "p", "response": "r", "l": [{{"a": [1, {2**63}]}}]}}',
        "column `l` holds 9223372036854775808, and a whole number must lie",
    ),
    "too deep": (
        '{"prompt": "p", "response": "r", "x": ' + "[" * 300 + "]" * 300 + "}",
        "column `x` is nested more than 256 levels deep; flatten it, or write it as text",
    ),
    "our column": (
        '{"prompt": "p", "response": "r", "tma_row": 1}',
        "column `tma_row` begins with tma_, which is kept for tma-prep's own; rename it",
    ),
    "not UTF-8": (
        '{"prompt": "caf\udce9", "response": "r"}',
        "is not UTF-8.*save the file as UTF-8",
    ),
}

FIRST = '{"prompt": "first", "response": "r", "n": 1}'
LAST = '{"prompt": "last", "response": "r", "n": 2}'


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_line_stops_or_is_skipped(folder: Folder, case: str) -> None:
    """The row is counted from 0 without blank lines, the line from 1 with them."""
    row, message = BAD_ROWS[case]
    text = f"{FIRST}\n\n{row}\n{LAST}\n".encode("utf-8", "surrogateescape")
    path = folder.write("pool.jsonl", text)
    assert re.search(rf"pool\.jsonl line 3: .*{message}", folder.error(path))
    found = read(path, on_bad_row="skip")
    assert [(row.row, row.exchange("first")[0]) for row in found.instances] == [
        (0, "first"),
        (2, "last"),
    ]
    assert [bad.row for bad in found.skipped] == [1]
    assert re.search(message, found.skipped[0].reason)
    assert found.skipped[0].place == "pool.jsonl line 3"
    found.skipped[0].reason.encode("utf-8")
    assert found.table.to_pylist() == [json.loads(FIRST), json.loads(LAST)]


@pytest.mark.parametrize("case", sorted(BAD_ROWS.keys() - {"broken line", "two objects"}))
def test_a_bad_element_of_an_array_stops_or_is_skipped(folder: Folder, case: str) -> None:
    """The same rows are bad in an array."""
    row, message = BAD_ROWS[case]
    text = f"[{FIRST}, {row}, {LAST}]".encode("utf-8", "surrogateescape")
    path = folder.write("pool.json", text)
    assert re.search(rf"pool\.json row 1: .*{message}", folder.error(path))
    found = read(path, on_bad_row="skip")
    assert [(row.row, row.exchange("first")[0]) for row in found.instances] == [
        (0, "first"),
        (2, "last"),
    ]


BAD_TURNS = {
    "text": ("hello", r"`messages` is text that is not JSON"),
    "null": (None, "`messages` must be a list of messages"),
    "empty": ([], "has no message of a user"),
    "no user": ([{"role": "assistant", "content": "a"}], "has no message of a user"),
    "no answer": ([{"role": "user", "content": "q"}], "has no answer that is trained on"),
    "answer before": (
        [{"role": "assistant", "content": "a"}, {"role": "user", "content": "q"}],
        "has no answer",
    ),
    "not an object": ([{"role": "user", "content": "q"}, 5], r"`messages`\[1\] must be an object"),
    "other keys": (
        [{"who": "user", "says": "q"}],
        r"`messages`\[0\] has the keys who, says; a mes",
    ),
    "a call alone": (
        [{"role": "user", "content": "q"}, {"role": "tool", "tool_call_id": "c"}],
        r"`messages`\[1\] has no content; it must be text, or stand beside tool_calls",
    ),
    "an image": (
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
        r"`messages`\[0\].content holds a part of type image_url; only text can be trained on",
    ),
    "a masked answer": (
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}],
        "has no answer that is trained on",
    ),
    "null content": (
        [{"role": "user", "content": None}],
        r"`messages`\[0\].content is null; it must be text",
    ),
    "bad part": (
        [{"role": "user", "content": [{"type": "text", "text": 1}]}],
        r"`messages`\[0\].content.text is int; it must be text",
    ),
}


@pytest.mark.parametrize("case", BAD_TURNS)
def test_bad_conversations(folder: Folder, case: str) -> None:
    """The message names the turn."""
    turns, message = BAD_TURNS[case]
    path = folder.lines("x.jsonl", {"messages": turns})
    assert re.search(rf"x\.jsonl line 1: .*{message}", folder.error(path))


@pytest.mark.parametrize("output", [[], None, [1]])
def test_natural_instructions_need_an_answer(folder: Folder, output: object) -> None:
    """The answers are a list, and the first is text."""
    rows = [{"definition": "d", "input": "i", "output": output}]
    assert "line 1: `output`" in folder.error(folder.write("x.jsonl", json_lines(rows)))


def test_bad_rows_of_a_table(folder: Folder) -> None:
    """Null and blank prompts in Parquet, on a row of a later block."""
    prompts: list[str | None] = ["p"] * 5000
    prompts[3000], prompts[4000] = None, " "
    path = folder.write("x.parquet", pa.table({"prompt": prompts, "response": ["r"] * 5000}))
    assert folder.error(path).endswith("x.parquet row 3000: `prompt` is null; it must be text")
    found = read(path, on_bad_row="skip")
    assert [bad.row for bad in found.skipped] == [3000, 4000]
    assert found.table.num_rows == 4998


def test_columns_of_no_layout_are_listed(folder: Folder) -> None:
    """With the option that names them."""
    message = folder.error(folder.lines("x.jsonl", {"foo": "q", "bar": "a"}))
    assert "x.jsonl: columns 'foo', 'bar' fit no known layout; name them, as in --colu" in message


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_reserved_and_doubled_columns_of_a_table(folder: Folder, ending: str) -> None:
    """Both are refused before a row is read."""
    table = pa.table({"prompt": ["p"], "response": ["r"], "tma_x": [1]})
    message = folder.error(folder.write(f"x.{ending}", table), on_bad_row="skip")
    assert "column `tma_x` begins with tma_" in message
    doubled = pa.table([["p"], ["r"], [1], [2]], ["prompt", "response", "n", "n"])
    assert "two columns have the same name" in folder.error(folder.write(f"y.{ending}", doubled))
