"""Which training rows hold a test row."""

from tma_prep.leakage.held import NGRAM
from tma_prep.leakage.pairs import LEAK_KINDS
from tma_prep.leakage.rule import Leaks
from tma_prep.leakage.search import leaks_by_words
from tma_prep.leakage.stage import (
    LEAKAGE_FILE,
    Leak,
    Leakage,
    kept_leakage,
    leakage_line,
    look_for_leaks,
    without_leaks,
)

__all__ = [
    "LEAKAGE_FILE",
    "LEAK_KINDS",
    "Leak",
    "Leakage",
    "Leaks",
    "NGRAM",
    "kept_leakage",
    "leakage_line",
    "leaks_by_words",
    "look_for_leaks",
    "without_leaks",
]
