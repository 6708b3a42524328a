"""The files in `schemas/json` are what the models say."""

import json
from pathlib import Path

import pytest

from tma_prep_schemas import manifest_models
from tma_prep_schemas.__main__ import json_schemas


def test_every_schema_file_is_current(repository: Path) -> None:
    """`make schemas` would change nothing, and no file is left over."""
    folder = repository / "schemas" / "json"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert found == json_schemas(), "run make schemas"


@pytest.mark.parametrize("name", manifest_models())
def test_every_schema_refuses_unknown_keys(name: str) -> None:
    """At every level, so that a program in another language refuses what this one does."""
    schema = json.loads(json_schemas()[f"{name}.schema.json"])
    for model in [schema, *schema.get("$defs", {}).values()]:
        assert model["additionalProperties"] is False
    assert "format_version" in schema["properties"]
