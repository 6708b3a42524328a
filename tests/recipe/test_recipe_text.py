"""What is written as TOML is read as the same."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tma_prep.errors import InputError
from tma_prep.recipe_text import comment, section_text, toml_value
from tma_prep_schemas.manifests import Option

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@given(TEXTS | NUMBERS | st.booleans() | st.lists(TEXTS) | st.lists(st.integers(-9, 9)))
def test_any_value_comes_back(value: Option) -> None:
    """Of its own type: every Unicode character, control characters, quotes and line ends."""
    found = tomllib.loads(f"key = {toml_value(value)}\n")["key"]
    assert found == value and type(found) is type(value)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(TEXTS)), st.lists(st.text()))
def test_a_section_comes_back(values: dict[str, list[str]], comments: list[str]) -> None:
    """Whatever its comments say, in one line or several."""
    text = section_text("[[arrange]]", {**values, "left-out": None}, comments)
    assert tomllib.loads(text) == {"arrange": [values]}


def test_what_toml_cannot_say() -> None:
    """A name that is no UTF-8 is refused; in a comment it is shown."""
    with pytest.raises(InputError, match="is not UTF-8"):
        toml_value("\udcff")
    assert comment("a\udcff\nb\x1b") == r"# a\udcff\nb\x1b"
