"""Which training rows hold a test row, by their words."""

from tma_prep.leakage.pairs import KINDS, MOST_TESTS, Groups, Pairs, join_pairs, no_pairs, numbered
from tma_prep.leakage.rule import LEAK_NGRAMS, NGRAM, Leaks, NumberedText, find_leaks
from tma_prep.leakage.words import text_key, words_of

__all__ = [
    "KINDS",
    "LEAK_NGRAMS",
    "MOST_TESTS",
    "NGRAM",
    "Groups",
    "Leaks",
    "NumberedText",
    "Pairs",
    "find_leaks",
    "join_pairs",
    "no_pairs",
    "numbered",
    "text_key",
    "words_of",
]
