"""Instance formats: how a row of a user's columns is read as a prompt and a response.

A new format is one function and one line in `FORMATS`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tma_prep.errors import InputError, check_known

Row = Mapping[str, object]

TASK_COLUMNS = ("task", "task_name", "source")
"""Where the task name is looked for, in this order."""


class BadRow(ValueError):
    """One row cannot be used; the text says what is wrong and the remedy, without the place."""


@dataclass(frozen=True)
class InstanceFormat:
    """One row format.

    Attributes:
        name: What `--format` calls it.
        columns: Columns that must be there; they also are what the format is recognised by.
        optional: Columns that are read when there.
        exchange: Row to (prompt, response), both checked to be text; raises `BadRow`.
        conversation: Where all of its messages stand, if a row is a conversation.
    """

    name: str
    columns: tuple[str, ...]
    optional: tuple[str, ...]
    exchange: Callable[[Row], tuple[str, str]]
    conversation: "Conversation | None" = None


def _text(row: Row, column: str) -> str:
    if column not in row:
        raise BadRow(f"has no `{column}`; add it, or leave the row out with --on-bad-row skip")
    return _as_text(row[column], f"`{column}`")


def _as_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise BadRow(f"{name} is {kind}; it must be text")
    return value


def _two_columns(prompt: str, response: str) -> Callable[[Row], tuple[str, str]]:
    return lambda row: (_text(row, prompt), _text(row, response))


def _alpaca(row: Row) -> tuple[str, str]:
    instruction = _text(row, "instruction")
    extra = row.get("input")
    if extra is not None and _as_text(extra, "`input`"):
        instruction = f"{instruction}\n{extra}"
    return instruction, _text(row, "output")


def _natural_instructions(row: Row) -> tuple[str, str]:
    output = row.get("output")
    if not isinstance(output, Sequence) or isinstance(output, str) or not output:
        raise BadRow("`output` must be a list with at least one answer")
    prompt = f"{_text(row, 'definition')}\n\n{_text(row, 'input')}"
    return prompt, _as_text(output[0], "`output`[0]")


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: `user`, `assistant`, or what the row calls it.
        content: Its text.
        others: Whatever else the row says of it, by name.
    """

    role: str
    content: str
    others: Mapping[str, object]


@dataclass(frozen=True)
class Conversation:
    """Where the messages of a row stand, and who speaks.

    Attributes:
        column: The column that holds them.
        role_key: Key of the speaker.
        text_key: Key of the text.
        asks: What a user is called.
        answers: What a model is called.
    """

    column: str
    role_key: str
    text_key: str
    asks: Collection[str]
    answers: Collection[str]

    def exchange(self, row: Row) -> tuple[str, str]:
        """The first message of a user and the first answer after it; system text is left out."""
        prompt: str | None = None
        for place, turn in enumerate(_turns(row, self.column)):
            role = self._object(place, turn).get(self.role_key)
            if prompt is None and role in self.asks:
                prompt = self._content(place, turn)
            elif prompt is not None and role in self.answers:
                return prompt, self._content(place, turn)
        missing = f"answer ({' or '.join(sorted(self.answers))}) after the first message of a user"
        if prompt is None:
            missing = f"message of a user ({' or '.join(sorted(self.asks))})"
        raise BadRow(f"`{self.column}` has no {missing}")

    def messages(self, row: Row) -> list[Message]:
        """Every message, in order, with `user` and `assistant` for those who ask and answer.

        Raises:
            BadRow: One is not text, or its speaker is not named.
        """
        found = []
        for place, turn in enumerate(_turns(row, self.column)):
            keys = self._object(place, turn)
            role = _as_text(keys.get(self.role_key), f"`{self.column}`[{place}].{self.role_key}")
            _refuse_other_parts(keys.get(self.text_key), f"`{self.column}`[{place}]")
            others = {k: v for k, v in keys.items() if k not in (self.role_key, self.text_key)}
            found.append(Message(self._speaker(role), self._content(place, turn), others))
        return found

    def _speaker(self, role: str) -> str:
        if role in self.asks:
            return "user"
        return "assistant" if role in self.answers else role

    def _object(self, place: int, turn: object) -> Mapping[str, object]:
        if not isinstance(turn, Mapping):
            raise BadRow(f"`{self.column}`[{place}] must be an object with `{self.role_key}`")
        return turn

    def _content(self, place: int, turn: object) -> str:
        text = self._object(place, turn).get(self.text_key)
        return _content(text, f"`{self.column}`[{place}].{self.text_key}")


def _turns(row: Row, column: str) -> Sequence[object]:
    if column not in row:
        raise BadRow(f"has no `{column}`; add it, or leave the row out with --on-bad-row skip")
    turns = row[column]
    if isinstance(turns, Mapping):
        # Hugging Face `datasets` stores a Sequence of objects as an object of lists.
        # A key that other rows have is null.
        lists = {key: values for key, values in turns.items() if values is not None}
        if lists and all(isinstance(values, list) for values in lists.values()):
            return [
                dict(zip(lists, values, strict=False))
                for values in zip(*lists.values(), strict=False)
            ]
    if not isinstance(turns, Sequence) or isinstance(turns, str):
        raise BadRow(f"`{column}` must be a list of messages")
    return turns


def _content(value: object, name: str) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        # OpenAI's content parts: the text parts, in order.
        parts = [part for part in value if isinstance(part, Mapping) and part.get("type") == "text"]
        return "".join(_as_text(part.get("text"), f"{name}.text") for part in parts)
    return _as_text(value, name)


def _refuse_other_parts(value: object, name: str) -> None:
    """Images and the like, which `_content` passes over, cannot be carried along as text."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return
    for part in value:
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        if kind != "text":
            raise BadRow(f"{name} holds a part of type {kind}; only text can be handed on")


_MESSAGES = Conversation("messages", "role", "content", ("user",), ("assistant",))
_SHAREGPT = Conversation(
    "conversations",
    "from",
    "value",
    ("human", "user"),
    ("gpt", "assistant", "chatgpt", "bing", "bard", "model"),
)

_LIST = (
    InstanceFormat(
        "prompt-response", ("prompt", "response"), (), _two_columns("prompt", "response")
    ),
    InstanceFormat(
        "prompt-completion", ("prompt", "completion"), (), _two_columns("prompt", "completion")
    ),
    InstanceFormat("messages", ("messages",), (), _MESSAGES.exchange, _MESSAGES),
    InstanceFormat("conversations", ("conversations",), (), _SHAREGPT.exchange, _SHAREGPT),
    InstanceFormat(
        "natural-instructions", ("definition", "input", "output"), (), _natural_instructions
    ),
    InstanceFormat("alpaca", ("instruction", "output"), ("input",), _alpaca),
    InstanceFormat("flan", ("inputs", "targets"), (), _two_columns("inputs", "targets")),
)

FORMATS = {instance_format.name: instance_format for instance_format in _LIST}
"""Every format by name, in the order in which columns are tried."""


def recognise_format(columns: Collection[str], *, where: str) -> InstanceFormat:
    """The first format whose columns are all there.

    Args:
        columns: Column names of the input.
        where: The file, for the message.

    Raises:
        InputError: No format fits.
    """
    for instance_format in FORMATS.values():
        if set(instance_format.columns) <= set(columns):
            return instance_format
    known = "; ".join(" + ".join(known.columns) for known in FORMATS.values())
    raise InputError(
        f"{where}: columns {_listed(columns)} fit no known format ({known}); "
        "rename the columns, or name the format with --format"
    )


def format_named(name: str) -> InstanceFormat:
    """The format of that name.

    Raises:
        OptionError: There is none.
    """
    check_known("--format", name, FORMATS)
    return FORMATS[name]


def task_column_of(
    columns: Collection[str], wanted: str | None, *, optional: bool, where: str
) -> str | None:
    """The column that names the task: `wanted`, or the first of `TASK_COLUMNS` that is there.

    Args:
        columns: Column names of the input.
        wanted: The column that the user names, if any.
        optional: Whether `wanted` may be absent; there is no task then.
        where: The file, for the message.

    Raises:
        InputError: `wanted` is given and absent, and is not optional.
    """
    if wanted is not None:
        if wanted not in columns and optional:
            return None
        if wanted not in columns:
            raise InputError(
                f"{where}: has no column `{wanted}` (--task-column); it has {_listed(columns)}"
            )
        return wanted
    return next((column for column in TASK_COLUMNS if column in columns), None)


def _listed(columns: Collection[str]) -> str:
    shown = [repr(column) for column in list(columns)[:12]]
    return ", ".join(shown) + (", …" if len(columns) > 12 else "") if shown else "(none)"
