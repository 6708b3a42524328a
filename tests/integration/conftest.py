"""What several modules embed, and in windows small enough for it."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embed_runs import PART, ROWS, TEST_ROWS, Row, text_of
from tma_prep.embeddings import texts as embed_texts


@pytest.fixture(scope="module")
def small_windows() -> Iterator[None]:
    """Windows of one part, so that a few hundred rows are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed_texts, "_LEAST_WINDOW_ROWS", PART)
        yield


@pytest.fixture(scope="module")
def rows(sample_data: Path) -> list[Row]:
    """Rows of the sample data; every seventh text was there before, near or far."""
    lines = (sample_data / "train.jsonl").read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line)["conversations"] for line in lines]
    found = [{"prompt": a["value"], "response": b["value"]} for a, b in turns]
    distinct = list({text_of(row): row for row in found}.values())[: ROWS + TEST_ROWS]
    draw = random.Random(0)
    return [
        distinct[draw.randrange(place)] if place % 7 == 6 else row
        for place, row in enumerate(distinct)
    ]
