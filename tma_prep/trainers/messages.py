"""Messages and tools as OpenAI and the chat templates spell them."""

from collections.abc import Mapping

from tma_prep.rows import Message, Sample
from tma_prep_schemas import Traits

Turn = dict[str, object]


def openai_messages(sample: Sample, traits: Traits) -> list[Turn]:
    """Every message, arguments of calls as objects.

    Args:
        sample: A conversation.
        traits: Of its side; where some answer is not trained, every answer says under `train`
            whether it is.
    """
    return [_openai_message(message, masks=traits.masked) for message in sample.messages]


def _openai_message(message: Message, *, masks: bool) -> Turn:
    found: Turn = {"role": message.role, "content": message.content}
    if message.name is not None:
        found["name"] = message.name
    if message.tool_calls:
        found["tool_calls"] = [
            {
                **({} if call.id is None else {"id": call.id}),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        found["tool_call_id"] = message.tool_call_id
    if masks and message.role == "assistant":
        found["train"] = message.trained
    return {**found, **message.others}


def openai_tool(tool: object) -> object:
    """A tool as an OpenAI function, its parameters as a JSON Schema, where it is told plainly."""
    if not isinstance(tool, Mapping) or "name" not in tool or "function" in tool:
        return tool
    named = tool.get("parameters")
    if isinstance(named, Mapping) and not isinstance(named.get("type"), str | list):
        tool = {**tool, "parameters": {"type": "object", "properties": named}}
    return {"type": "function", "function": tool}
