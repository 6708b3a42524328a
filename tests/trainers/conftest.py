"""An order that several modules export, and only read."""

from pathlib import Path

import pytest

from tests.trainers.made_orders import arranged, prompt_rows


@pytest.fixture(scope="session")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 23 rows of prompt and response; exports go elsewhere."""
    return arranged(tmp_path_factory.mktemp("ordered"), prompt_rows(23))


@pytest.fixture(scope="session")
def ordered_chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of conversations."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": row["prompt"]},
                {"role": "assistant", "content": row["response"]},
            ]
        }
        for row in prompt_rows(23)
    ]
    return arranged(tmp_path_factory.mktemp("chats"), rows)
