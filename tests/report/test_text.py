"""Numbers and names as the report writes them."""

import pytest

from tma_prep.report.text import MINUS, counted, number, percent, signed, steps, whole


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
    assert [whole(1200), percent(0.125), percent(0.125, 1)] == ["1,200", "12%", "12.5%"]
