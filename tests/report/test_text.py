"""Numbers and names as the report writes them."""

import pytest

from tma_prep.report.text import MINUS, counted, number, shortened, shown, signed, steps


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "+0.123"), (-0.5, f"{MINUS}0.500"), (-0.0001, "0.000"), (0.0, "0.000")],
)
def test_a_difference_has_a_sign_but_nought_has_none(value: float, text: str) -> None:
    """A true minus sign, which lines up with the plus."""
    assert signed(value) == text


def test_numbers_counts_and_steps() -> None:
    """As a person would write them."""
    assert number(-1.5) == f"{MINUS}1.500"
    assert [counted(1, "row"), counted(1200, "row")] == ["1 row", "1,200 rows"]
    assert [steps(None), steps(3.14159), steps(float("inf"))] == ["never", "3.1", "never"]
    assert [shortened("a" * 14), shortened("a" * 15)] == ["a" * 14, "a" * 13 + "…"]


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\ud800"])
def test_what_no_page_can_show_is_replaced(bad: str) -> None:
    """Half a surrogate pair could not even be written."""
    text = shown(f"a{bad}<b>")
    assert text == "a\ufffd&lt;b&gt;"
    assert text.encode("utf-8")


def test_white_space_and_other_scripts_stay() -> None:
    """They are text like any other."""
    text = "ab\n\t é 漢字 שלום 🙂"
    assert shown(text) == text
