"""Layouts: which columns a row has, and the messages that they make.

A new layout is a line in `LAYOUTS`, and a function where its text is put together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.columns import (
    Asked,
    Reader,
    Row,
    alpaca,
    exchange,
    history_messages,
    lacks,
    mmlu,
    natural_instructions,
    optional_text,
    preference,
    side_of,
    system_message,
    text_of,
    with_context,
    xlam,
)
from tma_prep.rows.messages import MESSAGE_COLUMNS, Message, question, read_messages

Kinds = Mapping[str, Callable[[object], bool]]


@dataclass(frozen=True)
class Layout:
    """One layout of columns.

    Attributes:
        name: Of its own.
        required: Columns that must be there, each with what its values are.
        read: Row to messages; raises `BadRow`.
        optional: Columns that are read when there.
        answers: Those of `required` that a row without a response lacks.
        tools: The column of tools, if rows may have one.
        task: The column that names the task, if it is not one of the usual.
        listed: Whether a row is a list of messages.
        whole: Whether a row is running text, trained whole.
        format: What `--format` calls it, where it shares a name with others.
    """

    name: str
    required: Kinds
    read: Reader
    optional: Kinds = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    tools: str | None = None
    task: str | None = None
    listed: bool = False
    whole: bool = False
    format: str | None = None

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        named = [*self.required, *self.optional, self.tools, self.task]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def alone(self) -> bool:
        """Whether no row has a response."""
        return self in _ALONE

    def needed(self, *, answered: bool) -> list[str]:
        """Columns without which it does not fit."""
        return [name for name in self.required if answered or name not in self.answers]


def is_text(value: object) -> bool:
    """Whether a value is text."""
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | str)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_json(value: object) -> bool:
    return isinstance(value, list | dict | str)


def is_message_list(value: object) -> bool:
    """Whether a value is a list of messages that no name of a column is needed to know."""
    if not isinstance(value, list) or not value:
        return False
    keys = value[0].keys() if isinstance(value[0], dict) else set()
    return bool(keys & {"role", "from"}) and bool(keys & {"content", "value", "text"})


def _is_spoken(value: object) -> bool:
    """Whether a value is a list of messages in any spelling."""
    if isinstance(value, str):
        return value.lstrip()[:1] in ("[", "{")
    return isinstance(value, list | dict)


def _is_text_or_messages(value: object) -> bool:
    return isinstance(value, str) or is_message_list(value)


def _plain(name: str, prompt: str, response: str, format_name: str | None = None) -> Layout:
    """A column that asks and one that answers, both text."""
    read = exchange(lambda row: text_of(row, prompt), response)
    kinds = {prompt: is_text, response: is_text}
    return Layout(name, kinds, read, answers=(response,), format=format_name)


def _two_sided(name: str, response: str) -> Layout:
    """A prompt and a response, each text or a list of messages."""

    def read(row: Row, asked: Asked) -> list[Message]:
        found = side_of(row, "prompt", asks=True)
        if lacks(row, response, asked):
            return found
        return [*found, *side_of(row, response, asks=False)]

    kinds = {"prompt": _is_text_or_messages, response: _is_text_or_messages}
    return Layout(
        name, kinds, read, optional={"tools": _is_json}, answers=(response,), tools="tools"
    )


def _listed(column: str, kind: Callable[[object], bool] = _is_spoken) -> Layout:
    """A list of messages, with system text and tools beside it."""

    def read(row: Row, asked: Asked) -> list[Message]:
        if column not in row:
            raise BadRow(f"has no `{column}`; add it, or leave the row out with --on-bad-row skip")
        found, system = read_messages(row[column], column), system_message(row, "system")
        return found if found[:1] == system else [*system, *found]

    return Layout(
        column,
        {column: kind},
        read,
        optional={"system": is_text, "tools": _is_json},
        tools="tools",
        listed=True,
        format="messages",
    )


def _alone(name: str, column: str) -> Layout:
    """A column of prompts, or of running text, without a response."""
    return Layout(
        name,
        {column: is_text},
        lambda row, asked: [question(text_of(row, column))],
        whole=name == "text",
        format="text" if name == "text" else "prompt",
    )


_LIST = (
    *(
        _listed(column, is_message_list if column == "data" else _is_spoken)
        for column in MESSAGE_COLUMNS
    ),
    _plain("p3", "inputs_pretokenized", "targets_pretokenized"),
    Layout(
        "natural-instructions",
        {"definition": is_text, "input": is_text, "output": _is_list},
        natural_instructions,
        optional={"positive_examples": _is_list},
        answers=("output",),
    ),
    Layout(
        "ni-hub",
        {"definition": is_text, "inputs": is_text, "targets": is_text},
        exchange(
            lambda row: with_context(text_of(row, "definition"), text_of(row, "inputs")), "targets"
        ),
        answers=("targets",),
    ),
    Layout(
        "mmlu",
        {"question": is_text, "choices": _is_list, "answer": _is_number},
        mmlu,
        answers=("answer",),
        task="subject",
    ),
    Layout(
        "xlam",
        {"query": is_text, "tools": _is_json, "answers": _is_json},
        xlam,
        answers=("answers",),
        tools="tools",
    ),
    Layout(
        "openorca",
        {"system_prompt": is_text, "question": is_text, "response": is_text},
        exchange(lambda row: text_of(row, "question"), "response", system="system_prompt"),
        answers=("response",),
    ),
    Layout(
        "preference",
        {"chosen": _is_text_or_messages, "rejected": _is_text_or_messages},
        preference,
        optional={"prompt": _is_text_or_messages},
    ),
    _two_sided("prompt-response", "response"),
    _two_sided("prompt-completion", "completion"),
    Layout(
        "alpaca",
        {"instruction": is_text, "output": is_text},
        alpaca,
        optional={"input": is_text, "system": is_text, "history": _is_json},
        answers=("output",),
    ),
    Layout(
        "dolly",
        {"instruction": is_text, "response": is_text},
        exchange(
            lambda row: with_context(text_of(row, "instruction"), optional_text(row, "context")),
            "response",
        ),
        optional={"context": is_text},
        answers=("response",),
        task="category",
    ),
    _plain("qa", "question", "answer"),
    _plain("question-response", "question", "response", "qa"),
    _plain("query-response", "query", "response"),
    _plain("problem-solution", "problem", "solution"),
    _plain("flan", "inputs", "targets"),
    _plain("input-output", "input", "output"),
    _plain("input-target", "input", "target", "input-output"),
)

_ALONE = (_alone("prompt", "prompt"), _alone("question", "question"), _alone("text", "text"))

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (*_LIST, *_ALONE)}
"""Every layout by name, in the order in which equals are taken."""


def layout_of(name: str, columns: Mapping[str, str]) -> Layout:
    """A layout with the columns that a user names in place of its own.

    Args:
        name: From `LAYOUTS`, or `columns` where the columns say all.
        columns: By `prompt`, `response`, `system`, `context`, `history`, `messages`, `tools`, and
            `task`; `columns` needs `prompt` or `messages`, any other layout takes neither.
    """
    base = _named_columns(columns) if name == "columns" else LAYOUTS[name]
    if name != "columns" and columns.keys() & {"system", "context", "history"}:
        base = replace(base, read=_with_more(base.read, columns))
    more = [columns[role] for role in ("system", "context", "history") if role in columns]
    return replace(
        base,
        optional={**base.optional, **dict.fromkeys(more, _is_anything)},
        tools=columns.get("tools", base.tools),
        task=columns.get("task", base.task),
    )


def _named_columns(columns: Mapping[str, str]) -> Layout:
    if "messages" in columns:
        listed = _listed(columns["messages"])
        return replace(listed, name="columns", read=_with_more(listed.read, columns))
    prompt, response = columns["prompt"], columns.get("response")

    def read(row: Row, asked: Asked) -> list[Message]:
        found = side_of(row, prompt, asks=True)
        if response is None or lacks(row, response, asked):
            return found
        return [*found, *side_of(row, response, asks=False)]

    required = [prompt] if response is None else [prompt, response]
    return Layout(
        "columns",
        dict.fromkeys(required, _is_anything),
        _with_more(read, columns),
        answers=tuple(required[1:]),
    )


def _with_more(read: Reader, columns: Mapping[str, str]) -> Reader:
    """The reader, with system text and history before its messages and context after the first."""
    system, history, context = (columns.get(role) for role in ("system", "history", "context"))

    def more(row: Row, asked: Asked) -> list[Message]:
        found = read(row, asked)
        if context is not None and found[0].role == "user":
            text = with_context(found[0].content, optional_text(row, context))
            found[0] = replace(found[0], content=text)
        before = system_message(row, system) if system is not None else []
        if history is not None:
            before += history_messages(row.get(history), history)
        return [*before, *found]

    return more


def _is_anything(value: object) -> bool:
    return True


def fits(layout: Layout, values: Mapping[str, Sequence[object]], *, answered: bool) -> bool:
    """Whether the columns are there, and hold what they must.

    Args:
        layout: To be tried.
        values: By column, what some rows hold that is not null.
        answered: Whether rows need a response.
    """
    needed = layout.needed(answered=answered)
    return all(name in values and _mostly(layout.required[name], values[name]) for name in needed)


def named_columns(layout: Layout, values: Mapping[str, Sequence[object]]) -> set[str]:
    """Columns of the rows that a layout gives a meaning to."""
    kinds = {**layout.optional, **layout.required}
    found = {name for name, kind in kinds.items() if name in values and _mostly(kind, values[name])}
    more = (name for name in (layout.tools, layout.task) if name is not None)
    return found | {name for name in more if name in values}


def _mostly(kind: Callable[[object], bool], values: Sequence[object]) -> bool:
    """Whether more than half of the values are of a kind; one bad row decides nothing."""
    return 2 * sum(map(kind, values)) > len(values) if values else True
