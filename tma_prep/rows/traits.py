"""What the rows of a side are, so that an export knows its form."""

from tma_prep.rows.sample import Sample
from tma_prep_schemas import Traits


def with_sample(traits: Traits, sample: Sample, *, listed: bool) -> Traits:
    """The traits of the rows before, and of one more.

    Args:
        traits: Of the rows before; the same object where the row adds none.
        sample: The row.
        listed: Whether its layout is a list of messages.
    """
    found = _traits_of(sample, listed=listed)
    new = [name for name in found if not getattr(traits, name)]
    return traits.model_copy(update=dict.fromkeys(new, True)) if new else traits


def _traits_of(sample: Sample, *, listed: bool) -> list[str]:
    if sample.is_exchange:
        found = ["conversation"] if listed else []
        if sample.whole:
            found.append("whole")
        elif len(sample.messages) == 1:
            found.append("unanswered")
        return found
    messages = sample.messages
    held = {
        "conversation": True,
        "masked": any(one.role == "assistant" and not one.trained for one in messages),
        "tools": bool(sample.tools)
        or any(one.tool_calls or one.role == "tool" for one in messages),
        "extras": any(one.others or one.name or one.tool_call_id for one in messages),
        "unanswered": not any(one.trained for one in messages),
    }
    return [name for name, there in held.items() if there]
