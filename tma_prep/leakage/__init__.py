"""Which training rows hold a test row."""

from tma_prep.leakage.held import NGRAM
from tma_prep.leakage.marks import LEAK_KINDS, Leak, LeakMarks, leak_marks
from tma_prep.leakage.rule import Leaks
from tma_prep.leakage.search import leaks_by_words
from tma_prep.leakage.stage import (
    Leakage,
    kept_leakage,
    leakage_line,
    look_for_leaks,
    without_leaks,
)

__all__ = [
    "LEAK_KINDS",
    "Leak",
    "LeakMarks",
    "Leakage",
    "Leaks",
    "NGRAM",
    "kept_leakage",
    "leak_marks",
    "leakage_line",
    "leaks_by_words",
    "look_for_leaks",
    "without_leaks",
]
