"""A text as words, whatever its script, case, spacing and punctuation.

A word is a run of letters and digits with the marks that they carry: vowel signs, points, accents.
In a script without spaces between words every character, with its marks, is one.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence

# Scripts without spaces but for their digits; these are insides of `[…]` in a pattern.
_EAST = (
    "\u2e80-\ua4cf\uf900-\ufaff"  # Han, kana, Bopomofo, Yi
    "\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"  # Tangut; more kana and Han
)
_SOUTH_EAST = (
    "\u0e00-\u0e4f\u0e80-\u0ecf\u0edc-\u0edf"  # Thai, Lao
    "\u1000-\u103f\u104a-\u108f\ua9e0-\ua9ef\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17df"  # Khmer
    "\u1950-\u19cf\u1a20-\u1a7f\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u1b00-\u1b4f\ua980-\ua9cf"  # Balinese, Javanese
)
_CHARACTERS_A_WORD = ((re.compile(f"[{_EAST}]"), 2), (re.compile(f"[{_SOUTH_EAST}]"), 3))
"""On average: in catalogues of messages Chinese has 1.6 for a word of the English, Burmese 2.6,
Japanese 2.7, Khmer 3.3, Thai 3.8."""

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\u20dd-\u20e0\u20e2-\u20e4\U000e0000-\U000e0fff]"
)
"""Soft hyphens, joiners, directions, variants of a glyph, circles around one."""


def _marks() -> str:
    codes = (c for c in range(0x300, 0x20000) if unicodedata.category(chr(c)) in ("Mn", "Mc"))
    numbers = itertools.count()
    runs = (list(run) for _, run in itertools.groupby(codes, lambda code: code - next(numbers)))
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


_CHARACTER, _LETTER = f"[{_EAST}{_SOUTH_EAST}]", rf"[^\W_{_EAST}{_SOUTH_EAST}]"
_MARK = f"[{_marks()}]"
_WORD = re.compile(rf"(?={_CHARACTER})\w{_MARK}*|{_LETTER}+(?:{_MARK}+{_LETTER}*)*")

_RUN = re.compile(r"[^\W_]+")
_MORE_THAN_RUNS = re.compile(
    "[^\0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u0588\u1e00-\u200b\u2010-\u2029\u202f-\u205f\u2070-\u20cf"
    "\u2100-\u2bff\uac00-\ud7a3]"
)
"""Not in most texts in Latin, Greek, Cyrillic or Hangul: marks, what is unseen, other scripts."""

_ASCII_WORDS = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ")
    for code in range(256)
)
"""Of each ASCII code: a letter in lower case, a digit, or a space for anything else."""


def words_of(text: str) -> list[str]:
    """Words in order, after compatibility and case folding (Unicode)."""
    if text.isascii():
        # What the rest comes to, in a third of the time.
        return text.encode("ascii").translate(_ASCII_WORDS).decode("ascii").split()
    folded = _folded(text)
    if _MORE_THAN_RUNS.search(folded) is None:
        # Again what the rest comes to, in half the time.
        return _RUN.findall(folded)
    return _WORD.findall(unicodedata.normalize("NFKC", _UNSEEN.sub("", folded)))


def word_count(words: Sequence[str]) -> float:
    """How many words these are where a character is the part of one that it is on average."""
    count = float(len(words))
    for script, a_word in _CHARACTERS_A_WORD:
        characters = sum(script.match(word) is not None for word in words)
        count += characters / a_word - characters
    return count


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
