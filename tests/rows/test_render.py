"""The text that is embedded, and its id."""

import pytest

from tma_prep.rows.messages import answer, question
from tma_prep.rows.sample import Sample, TextPart, TextView, text_id


@pytest.mark.parametrize(
    ("response", "part", "text"),
    [
        ("r", "both", ("p", " r")),
        ("r", "prompt", ("p", "")),
        ("r", "response", ("", "r")),
        ("", "both", ("p", "")),
        ("", "prompt", ("p", "")),
        ("", "response", ("p", "")),
        (" ", "response", ("", " ")),
    ],
)
def test_parts(response: str, part: TextPart, text: tuple[str, str]) -> None:
    """An empty response gives the prompt alone, whichever part is asked for."""
    sample = Sample(0, (question("p"), answer(response)), (), None, None)
    assert sample.embedded(TextView("first", part)) == text
    assert sample.text_id(TextView("first", part)) == text_id("".join(text))


def test_ids() -> None:
    """BLAKE2b-128 of UTF-8."""
    assert text_id("") == "cae66941d9efbd404e4d88758ea67670"
    assert text_id("ü") != text_id("u")
    assert len(text_id("ü")) == 32
