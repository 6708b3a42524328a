"""A text as words, whatever its case, spacing and punctuation."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_ASCII_WORDS = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ")
    for code in range(256)
)
"""Of each ASCII code: a letter in lower case, a digit, or a space for anything else."""


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, in order, after compatibility and case folding (Unicode)."""
    if text.isascii():
        # What the rest comes to, in a third of the time.
        return text.encode("ascii").translate(_ASCII_WORDS).decode("ascii").split()
    return _WORD.findall(_folded(text))


def text_key(words: list[str], text: str) -> str:
    """Equal for texts that differ in case, spacing and punctuation alone.

    Words are joined without a space, so that `don't` is `dont`. A text without a letter or digit
    is what is left of it without white space.
    """
    return "".join(words) or "".join(_folded(text).split())


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Folding the case may undo a composition, so it is composed again.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
