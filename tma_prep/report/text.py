"""Numbers as a page writes them."""

import math

MINUS = "\N{MINUS SIGN}"


def signed(value: float) -> str:
    """Three decimals with a sign, but none before a nought."""
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", MINUS)


def number(value: float) -> str:
    """Three decimals, and a true minus sign."""
    return f"{value:.3f}".replace("-", MINUS)


def whole(value: int) -> str:
    """With commas between thousands."""
    return f"{value:,}"


def percent(value: float, decimals: int = 0) -> str:
    """A share of one."""
    return f"{value:.{decimals}%}"


def steps(value: float | None) -> str:
    """A step between evaluations, or that there is none."""
    return "never" if value is None or not math.isfinite(value) else f"{value:.1f}"


def counted(count: int, word: str) -> str:
    """A count with its noun, in the plural where need be."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
