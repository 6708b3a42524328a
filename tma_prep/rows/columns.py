"""From the columns of a row to its messages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.messages import (
    Message,
    ToolCall,
    answer,
    parse_text,
    question,
    read_messages,
    read_tools,
    tool_call,
)

Row = Mapping[str, object]


@dataclass(frozen=True)
class Asked:
    """What is asked of every row of a side.

    Attributes:
        answered: Whether a row needs a response.
        examples: How many positive examples of Natural Instructions stand in a prompt.
    """

    answered: bool = True
    examples: int = 0


Reader = Callable[[Row, Asked], list[Message]]


def text_of(row: Row, column: str) -> str:
    """The text of a column.

    Raises:
        BadRow: There is none.
    """
    if column not in row:
        raise BadRow(f"has no `{column}`; add it, or leave the row out with --on-bad-row skip")
    return _as_text(row[column], f"`{column}`")


def _as_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise BadRow(f"{name} is {kind}; it must be text")
    return value


def optional_text(row: Row, column: str) -> str:
    """The text of a column, empty where it is null or not there."""
    value = row.get(column)
    return "" if value is None else _as_text(value, f"`{column}`")


def lacks(row: Row, column: str, asked: Asked) -> bool:
    """Whether a row has no response, and needs none."""
    return not asked.answered and row.get(column) is None


def side_of(row: Row, column: str, *, asks: bool) -> list[Message]:
    """A prompt or a response: text, or a list of messages.

    Raises:
        BadRow: It is neither.
    """
    value = row.get(column)
    if isinstance(value, list | dict):
        found = read_messages(value, column)
        return [message.untrained for message in found] if asks else found
    text = text_of(row, column)
    return [question(text) if asks else answer(text)]


def system_message(row: Row, column: str) -> list[Message]:
    """System text as the first message, where there is any."""
    text = optional_text(row, column)
    return [Message("system", text)] if text else []


def exchange(prompt: Callable[[Row], str], response: str, *, system: str | None = None) -> Reader:
    """A reader of a prompt that is put together, and of a text that answers it."""

    def read(row: Row, asked: Asked) -> list[Message]:
        first = system_message(row, system) if system else []
        found = [*first, question(prompt(row))]
        if not lacks(row, response, asked):
            found.append(answer(text_of(row, response)))
        return found

    return read


def alpaca(row: Row, asked: Asked) -> list[Message]:
    """System text, history, instruction and input joined by a line break, output."""
    found = system_message(row, "system")
    found += history_messages(row.get("history"), "history")
    instruction, extra = text_of(row, "instruction"), optional_text(row, "input")
    found.append(question(f"{instruction}\n{extra}" if extra else instruction))
    if not lacks(row, "output", asked):
        found.append(answer(text_of(row, "output")))
    return found


def history_messages(value: object, name: str) -> list[Message]:
    """Earlier pairs of a user's and an assistant's text, which are trained as LLaMA-Factory does.

    Raises:
        BadRow: They are no such pairs.
    """
    if isinstance(value, str):
        value = parse_text(value, f"`{name}`") if value.strip() else None
    found: list[Message] = []
    for place, pair in enumerate(value if isinstance(value, list) else [value] if value else []):
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadRow(f"`{name}`[{place}] must be a pair of a user's and an assistant's text")
        found += [
            question(_as_text(pair[0], f"`{name}`[{place}][0]")),
            answer(_as_text(pair[1], f"`{name}`[{place}][1]")),
        ]
    return found


def with_context(instruction: str, context: str) -> str:
    """Context after the instruction, a blank line between them."""
    return f"{instruction}\n\n{context}" if context else instruction


def natural_instructions(row: Row, asked: Asked) -> list[Message]:
    """Definition, examples and input, a blank line between them; the first answer."""
    examples = row.get("positive_examples")
    parts = [text_of(row, "definition")]
    for example in examples[: asked.examples] if isinstance(examples, list) else []:
        if isinstance(example, dict):
            parts.append(f"Input: {example.get('input')}\nOutput: {example.get('output')}")
    found = [question("\n\n".join([*parts, text_of(row, "input")]))]
    output = row.get("output")
    if isinstance(output, str):
        output = [output]
    if isinstance(output, list) and output:
        found.append(answer(_as_text(output[0], "`output`[0]")))
    elif not lacks(row, "output", asked) and not (output == [] and not asked.answered):
        raise BadRow("`output` must be a list with at least one answer")
    return found


def mmlu(row: Row, asked: Asked) -> list[Message]:
    """Question and lettered choices, a line each; the right choice."""
    choices, right = row.get("choices"), row.get("answer")
    if not isinstance(choices, list) or not 0 < len(choices) <= 26:
        raise BadRow("`choices` must be a list of at most 26 texts")
    lettered = [
        f"{chr(ord('A') + place)}. {_as_text(choice, f'`choices`[{place}]')}"
        for place, choice in enumerate(choices)
    ]
    found = [question("\n".join([text_of(row, "question"), *lettered]))]
    if lacks(row, "answer", asked):
        return found
    if isinstance(right, str) and len(right) == 1 and right.isalpha():
        right = ord(right.upper()) - ord("A")
    if not isinstance(right, int) or isinstance(right, bool) or not 0 <= right < len(lettered):
        raise BadRow(f"`answer` must be the number of a choice, from 0 to {len(lettered) - 1}")
    return [*found, answer(lettered[right])]


def xlam(row: Row, asked: Asked) -> list[Message]:
    """The query; calls of tools."""
    found = [question(text_of(row, "query"))]
    if lacks(row, "answers", asked):
        return found
    calls: list[ToolCall] = [
        tool_call(item, f"`answers`[{place}]")
        for place, item in enumerate(read_tools(row.get("answers"), "answers"))
    ]
    return [*found, Message("assistant", "", trained=True, tool_calls=tuple(calls))]


def preference(row: Row, asked: Asked) -> list[Message]:
    """The prompt and the chosen answer; what both answers share is not trained."""
    chosen = side_of(row, "chosen", asks=False)
    if isinstance(row.get("rejected"), list) and isinstance(row.get("chosen"), list):
        rejected = side_of(row, "rejected", asks=False)
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        chosen = [message.untrained for message in chosen[:shared]] + chosen[shared:]
    if row.get("prompt") is None:
        if isinstance(row.get("chosen"), str):
            raise BadRow("has no `prompt`, and `chosen` is no list of messages; add it")
        return chosen
    asks = side_of(row, "prompt", asks=True)
    said = [(message.role, message.content) for message in asks]
    opens = [(message.role, message.content) for message in chosen]
    # The prompt may stand once more before the chosen answer, after system text or not.
    spoken = [message for message in opens if message[0] != "system"]
    repeated = opens[: len(said)] == said or spoken[: len(said)] == said
    return chosen if repeated else [*asks, *chosen]
