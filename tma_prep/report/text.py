"""What users wrote and what was measured, as HTML text."""

import math
import re
from html import escape

# Control characters but for the line end and tab, marks that turn the direction of what follows,
# and halves of surrogate pairs: HTML cannot hold them, or a page would not read as it is written.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

MINUS = "\N{MINUS SIGN}"


def shown(text: str) -> str:
    """Text as HTML, with a replacement character for what no page can show."""
    return escape(_UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text))


def code(text: str) -> str:
    """Text as code."""
    return f"<code>{shown(text)}</code>"


def shortened(name: str, most: int = 14) -> str:
    """No longer than it may be; what was cut ends in an ellipsis."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def signed(value: float) -> str:
    """Three decimals with a sign, but none before a nought."""
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", MINUS)


def number(value: float) -> str:
    """Three decimals, and a true minus sign."""
    return f"{value:.3f}".replace("-", MINUS)


def steps(value: float | None) -> str:
    """A step between evaluations, or that there is none."""
    return "never" if value is None or not math.isfinite(value) else f"{value:.1f}"


def counted(count: int, word: str) -> str:
    """A count with its noun, in the plural where need be."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def table(heads: list[str], rows: list[list[str]], label: str, *, words: bool = False) -> str:
    """A table that scrolls in itself where the page is narrow.

    Args:
        heads: HTML of the head of each column.
        rows: HTML of each cell; the first of a row is its head.
        label: What a screen reader says of it.
        words: Whether cells are words, which begin at the left, and not numbers.
    """
    kind = ' class="words"' if words else ""
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{shown(label)}" tabindex="0"><table{kind}>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def folded(title: str, content: str) -> str:
    """Content that opens when its title is chosen."""
    return f"<details><summary>{shown(title)}</summary>{content}</details>"
