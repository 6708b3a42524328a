"""Which training rows hold a test row, by their words."""

from tma_prep.leakage.rule import LEAK_NGRAMS, Leaks, NumberedText, find_leaks
from tma_prep.leakage.words import text_key, words_of

__all__ = ["LEAK_NGRAMS", "Leaks", "NumberedText", "find_leaks", "text_key", "words_of"]
