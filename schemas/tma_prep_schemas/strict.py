"""What every model of this package is built on."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def _describe_in_a_line(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        if "description" in field:
            field["description"] = " ".join(field["description"].split())


class Strict(BaseModel):
    """Refuses unknown keys, and never changes; what stands below a field describes it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra=_describe_in_a_line,
    )
