"""A text as words, whatever its case, spacing and punctuation."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, in order, after compatibility and case folding (Unicode)."""
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
