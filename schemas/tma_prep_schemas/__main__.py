"""Write the JSON Schema of every manifest: `python -m tma_prep_schemas schemas/json`."""

import json
import sys
from pathlib import Path

from tma_prep_schemas.manifests import manifest_models


def json_schemas() -> dict[str, str]:
    """The text of every schema file, by file name."""
    return {
        f"{name}.schema.json": json.dumps(model.model_json_schema(), indent=2) + "\n"
        for name, model in manifest_models().items()
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, text in json_schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
