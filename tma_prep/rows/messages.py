"""Lists of messages, however they are spelled, as one kind of message."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tma_prep.rows.bad_row import BadRow

MESSAGE_COLUMNS = ("messages", "conversations", "conversation", "dialog", "data")

_ROLE_KEYS = ("role", "from")
_TEXT_KEYS = ("content", "value", "text")
_MASKS = ("weight", "train", "loss_mask")
_CALLS = ("tool_calls", "function_call")
_SPEAKERS = {
    "system": ("developer",),
    "user": ("human",),
    "assistant": ("gpt", "chatgpt", "bing", "bard", "model", "function_call"),
    "tool": ("function_response", "observation", "function"),
}
_ROLES = {name: role for role, names in _SPEAKERS.items() for name in (role, *names)}


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool by an assistant.

    Attributes:
        arguments: An object as a rule; text where it is text that is not JSON.
        id: What a tool's answer refers to, if the row names it.
    """

    name: str
    arguments: object
    id: str | None = None

    @property
    def text(self) -> str:
        """`name {arguments as JSON}`."""
        arguments = self.arguments
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return f"{self.name} {arguments}"


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        role: `system`, `user`, `assistant`, `tool`, or what the row calls it.
        content: Its text, empty where there are calls alone.
        trained: Whether a trainer's loss counts it: an assistant's answer that is not masked.
        name: Of the speaker or the tool, if the row names it.
        tool_call_id: Of the call that a tool answers, if the row names it.
        others: Whatever else the row says of it, by name.
    """

    role: str
    content: str
    trained: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    name: str | None = None
    tool_call_id: str | None = None
    others: Mapping[str, object] = field(default_factory=dict)

    @property
    def calls_text(self) -> str:
        """Its calls, joined by one space."""
        return " ".join(call.text for call in self.tool_calls)

    @property
    def full_text(self) -> str:
        """Its text and its calls, joined by one space."""
        if not self.tool_calls:
            return self.content
        return f"{self.content} {self.calls_text}" if self.content else self.calls_text

    @property
    def untrained(self) -> "Message":
        """The same, left out of every loss."""
        return replace(self, trained=False) if self.trained else self


def question(text: str) -> Message:
    """A user's message."""
    return Message("user", text)


def answer(text: str) -> Message:
    """An assistant's message that is trained."""
    return Message("assistant", text, trained=True)


def read_messages(value: object, name: str) -> list[Message]:
    """The messages of a column.

    Args:
        value: A list of objects, of texts in turn, or of pairs; an object of lists, as older
            versions of `datasets` store it; or JSON text of one of these.
        name: Of the column, for what is raised.

    Raises:
        BadRow: It is none of these, or a message has no speaker or no text.
    """
    shown = f"`{name}`"
    items = _items(value, shown)
    if items and all(isinstance(item, str) for item in items):
        return [
            (answer if place % 2 else question)(_text(item, shown))
            for place, item in enumerate(items)
        ]
    found: list[Message] = []
    for place, item in enumerate(items):
        found += _messages_of(item, f"{shown}[{place}]")
    return found


def _items(value: object, name: str) -> Sequence[object]:
    if isinstance(value, str):
        value = parse_text(value, name)
    if isinstance(value, Mapping):
        lists = {key: values for key, values in value.items() if values is not None}
        if lists and all(isinstance(values, list) for values in lists.values()):
            rows = zip(*lists.values(), strict=False)
            return [dict(zip(lists, row, strict=True)) for row in rows]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadRow(f"{name} must be a list of messages")
    return value


def _messages_of(item: object, name: str) -> Iterator[Message]:
    if not isinstance(item, Mapping):
        raise BadRow(f"{name} must be an object with role and content")
    keys = {key: value for key, value in item.items() if value is not None}
    role_key = next((key for key in _ROLE_KEYS if key in keys), None)
    if role_key is None:
        if keys.keys() >= {"input", "output"}:
            yield question(_text(keys["input"], f"{name}.input"))
            yield answer(_text(keys["output"], f"{name}.output"))
            return
        raise BadRow(
            f"{name} has the keys {', '.join(map(str, item)) or '(none)'}; a message needs "
            "role or from, and content, value or text"
        )
    given = _text(keys[role_key], f"{name}.{role_key}")
    role = _ROLES.get(given.lower(), given)
    text_key = next((key for key in _TEXT_KEYS if key in keys), None)
    content = "" if text_key is None else content_text(keys[text_key], f"{name}.{text_key}")
    calls = _calls(keys, name)
    if given.lower() == "function_call":
        calls = [*calls, *_calls_in(parse_text(content, name), name)]
        content = ""
    if text_key is None and not calls:
        present = next((key for key in _TEXT_KEYS if key in item), None)
        what = f"{name}.{present} is null" if present else f"{name} has no content"
        raise BadRow(f"{what}; it must be text, or stand beside tool_calls")
    known = {role_key, text_key, "name", "tool_call_id", *_CALLS, *_MASKS}
    yield Message(
        role=role,
        content=content,
        trained=role == "assistant" and not any(_is_zero(keys.get(mask)) for mask in _MASKS),
        tool_calls=tuple(calls),
        name=_optional(keys.get("name")),
        tool_call_id=_optional(keys.get("tool_call_id")),
        others={key: value for key, value in keys.items() if key not in known},
    )


def content_text(value: object, name: str) -> str:
    """Text, or the text of OpenAI's content parts joined.

    Raises:
        BadRow: It is neither, or a part is not text.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _text(value, name)
    texts = []
    for part in value:
        kind = part.get("type", "text") if isinstance(part, Mapping) else type(part).__name__
        if kind not in ("text", "str"):
            raise BadRow(f"{name} holds a part of type {kind}; only text can be trained on")
        texts.append(_text(part.get("text") if isinstance(part, Mapping) else part, f"{name}.text"))
    return "".join(texts)


def _calls(keys: Mapping[str, object], name: str) -> list[ToolCall]:
    found: list[ToolCall] = []
    for key in _CALLS:
        value = keys.get(key)
        if isinstance(value, str) and value.strip():
            value = parse_text(value, f"{name}.{key}")
        if value:
            found += _calls_in(value, f"{name}.{key}")
    return found


def _calls_in(value: object, name: str) -> list[ToolCall]:
    """Calls as OpenAI writes them, or plainly with `name` and `arguments`."""
    items = value if isinstance(value, list) else [value]
    return [tool_call(item, name) for item in items]


def tool_call(item: object, name: str) -> ToolCall:
    """One call.

    Raises:
        BadRow: It is no object with the name of a function.
    """
    if isinstance(item, str):
        item = parse_text(item, name)
    inner = item.get("function", item) if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(inner, Mapping):
        raise BadRow(f"{name} must hold calls with name and arguments")
    if not isinstance(inner.get("name"), str):
        raise BadRow(f"{name} holds a call without the name of its function")
    arguments = inner.get("arguments", inner.get("parameters"))
    if isinstance(arguments, str):
        # What a model wrote may be no JSON: it stays the text that it is.
        with contextlib.suppress(ValueError, RecursionError):
            arguments = json.loads(arguments)
    call_id = _optional(item.get("id"))
    return ToolCall(inner["name"], {} if arguments is None else arguments, call_id)


def read_tools(value: object, name: str) -> tuple[object, ...]:
    """The tools that a row offers: objects as they stand there.

    Raises:
        BadRow: They are no list of objects, nor JSON text of one.
    """
    if isinstance(value, str):
        value = parse_text(value, f"`{name}`") if value.strip() else None
    if value is None:
        return ()
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadRow(f"`{name}` must be a list of tools")
    tools = [parse_text(item, f"`{name}`") if isinstance(item, str) else item for item in value]
    if not all(isinstance(tool, Mapping) for tool in tools):
        raise BadRow(f"`{name}` must be a list of objects, one a tool")
    return tuple(tools)


def parse_text(text: str, name: str) -> object:
    """JSON inside of text.

    Raises:
        BadRow: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
        raise BadRow(f"{name} is text that is not JSON ({reason}); mend it") from error


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise BadRow(f"{name} is {kind}; it must be text")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _is_zero(value: object) -> bool:
    return isinstance(value, bool | int | float) and not value
