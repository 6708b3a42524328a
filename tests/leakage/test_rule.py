"""The leakage rule against the definition, written again with sets of strings."""

import random
import unicodedata
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.leakage import held
from tma_prep.leakage.pairs import LEAK_KINDS, MOST_TESTS
from tma_prep.leakage.rule import Leaks, find_leaks
from tma_prep.leakage.words import words_of
from tma_prep.options import LeakNgrams

Numbered = list[tuple[int, str]]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


_EAST = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}
_SOUTH_EAST = {"THAI", "LAO", "KHMER", "MYANMAR"}


def _of(character: str, scripts: set[str]) -> bool:
    named = unicodedata.name(character, "?").split()[0] in scripts
    return named and unicodedata.category(character)[0] == "L"


def _words(text: str) -> list[str]:
    words: list[str] = []
    before = " "
    for character in _folded(text):
        kind = unicodedata.category(character)[0]
        if kind in "LN":
            alone = _of(character, _EAST | _SOUTH_EAST) or _of(
                words[-1][0] if words else " ", _EAST | _SOUTH_EAST
            )
            if before == " " or alone:
                words.append("")
            words[-1] += character
            before = "word"
        elif kind == "M" and before == "word":
            words[-1] += character
        else:
            before = " "
    return words


def _key(text: str) -> str:
    return "".join(_words(text)) or "".join(_folded(text).split())


def _grams(text: str, n: int = 8) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def _word_count(words: Sequence[str]) -> Fraction:
    parts = [2 if _of(word[0], _EAST) else 3 if _of(word[0], _SOUTH_EAST) else 1 for word in words]
    return sum((Fraction(1, part) for part in parts), Fraction(0))


def brute_force(
    pool: Numbered, tests: Numbered, rule: str
) -> tuple[dict[tuple[int, int], tuple[str, float]], set[int], set[int]]:
    """Kind and score of every leaking pair; rows that touch a test; and by more than wording."""
    leaks: dict[tuple[int, int], tuple[str, float]] = {}
    touching, sharing = set(), set()
    for test, test_text in tests:
        words = _words(test_text)
        n = round(8 * len(words) / _word_count(words)) if words else 8
        short = len(words) < n
        held = {row: _grams(text, len(words) if short else n) for row, text in pool}
        all_grams = _grams(test_text, len(words) if short else n) if words else set()
        if short and _word_count(words) < min(2, len(words)):
            all_grams = set()
        rows_of = Counter(gram for grams in held.values() for gram in grams & all_grams)
        most = max(2, len(pool) / 100)
        counting = {gram for gram in all_grams if short or rows_of[gram] <= most}
        for row, text in pool:
            share = len(counting & held[row]) / max(1, len(counting))
            if _key(text) == _key(test_text):
                leaks[row, test] = ("normalised", 1.0)
                touching.add(row)
                sharing.add(row)
            elif share >= 0.5 or (rule == "any" and share > 0):
                leaks[row, test] = ("ngram", share)
            if all_grams & held[row]:
                touching.add(row)
            if share:
                sharing.add(row)
    return leaks, touching, sharing


def _find(pool: Numbered, tests: Numbered, rule: LeakNgrams = "half") -> Leaks:
    return find_leaks(iter(pool), len(pool), tests, rule)


def _check(pool: Numbered, tests: Numbered, rule: LeakNgrams) -> None:
    found = _find(pool, tests, rule)
    expected, touching, sharing = brute_force(pool, tests, rule)
    pairs = found.pairs
    keys = list(zip(pairs.rows.tolist(), pairs.tests.tolist(), strict=True))
    kinds = [LEAK_KINDS[kind] for kind in pairs.kinds]
    assert dict(zip(keys, kinds, strict=True)) == {key: kind for key, (kind, _) in expected.items()}
    scores = dict(zip(keys, pairs.scores.tolist(), strict=True))
    assert scores == pytest.approx({key: score for key, (_, score) in expected.items()})
    strongest_first = sorted(
        (row, LEAK_KINDS.index(kind), -score, test)
        for (row, test), (kind, score) in expected.items()
    )
    assert keys == [(row, test) for row, _, _, test in strongest_first]
    assert pairs.held.tolist() == sorted({test for _, test in expected})
    assert found.rows.tolist() == sorted({row for row, _ in expected})
    equal = {row for (row, _), (kind, _) in expected.items() if kind == "normalised"}
    assert found.equal_rows == len(equal)
    assert found.touching.tolist() == sorted(touching)
    assert found.sharing.tolist() == sorted(sharing)


_WORDS = [
    "a",
    "B",
    "ç",
    "d-d",
    "e.",
    "Ünï",
    "１",
    "straße",
    "हिन्दी",
    "ﬁ",
    "中文",
    "!!",
    "かーな",
    "๑๒ที่นี่",
    "ខ្មែរx",
]
_TEXTS = st.lists(st.sampled_from(_WORDS[:4]), min_size=1, max_size=24) | st.lists(
    st.sampled_from(_WORDS), min_size=1, max_size=14
)


@settings(max_examples=150, deadline=None)
@given(
    pool=st.lists(_TEXTS, min_size=1, max_size=9),
    tests=st.lists(_TEXTS, min_size=1, max_size=4),
    rule=st.sampled_from(["half", "any"]),
)
def test_random_texts(
    pool: Sequence[list[str]], tests: Sequence[list[str]], rule: LeakNgrams
) -> None:
    """Few words, so that n-grams repeat, short tests are held and texts are equal."""
    _check(
        [(3 * n, " ".join(text)) for n, text in enumerate(pool)],
        [(2 * n, " ".join(text)) for n, text in enumerate(tests)],
        rule,
    )


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_words_of_ascii_are_those_of_unicode(text: str) -> None:
    """The quick way and the way of every other text."""
    assert words_of(text) == _words(text)
    assert words_of(f"{text} é") == [*_words(text), "é"]


_LONG = "the quick brown fox jumps over the lazy dog and runs away into the deep dark wood"


@pytest.mark.parametrize(
    "leak",
    [
        _LONG.upper(),
        f"  {_LONG}!  ",
        _LONG.replace(" ", ", "),
        _LONG.replace("quick brown", "quick-brown"),
        _LONG.replace("fox", "ｆｏｘ"),
    ],
)
def test_case_space_and_punctuation_hide_nothing(leak: str) -> None:
    """Equal after normalising, so `normalised`."""
    found = _find([(5, "something else entirely"), (9, leak)], [(0, _LONG)])
    assert (found.rows.tolist(), found.equal_rows, found.pairs.scores.tolist()) == ([9], 1, [1])


def test_half_of_the_ngrams_is_enough_and_less_is_not() -> None:
    """17 words are ten 8-grams: five are in the first twelve words."""
    words = _LONG.split()
    assert len(_grams(_LONG)) == 10
    pool = [(0, " ".join(words[:12])), (1, " ".join(words[:11])), (2, " ".join(words[:7]))]
    half, any_ = (_find(pool, [(4, _LONG)], rule) for rule in ("half", "any"))
    assert (half.rows.tolist(), half.pairs.scores.tolist()) == ([0], [0.5])
    assert any_.rows.tolist() == [0, 1]
    assert half.touching.tolist() == [0, 1]


def test_wording_that_many_rows_share_does_not_count() -> None:
    """In 300 rows, what over three of them hold is a template; what three hold is not."""
    template = "please read the following passage and then answer the question"
    tests = [(0, f"{template} {_LONG}")]
    filler = [(n, f"row {n} says nothing of note at all today, number {n}") for n in range(290)]
    asked = [(290 + n, f"{template} about matter {n}") for n in range(10)]
    leaky = [(*row,) for row in asked]
    leaky[4] = (294, _LONG)
    found = _find([*filler, *leaky], tests, "any")
    assert found.rows.tolist() == [294]
    assert found.touching.tolist() == [row for row, _ in asked]


def test_every_row_of_more_than_one_chunk_is_judged() -> None:
    """Row numbers come from the pool, rows are told once."""
    pool = [(2 * n, f"word{n} " * 9) for n in range(2500)]
    told: list[int] = []
    tests = [(7, "word3 " * 9), (8, "word2400 " * 20), (9, "word1700")]
    found = find_leaks(iter(pool), len(pool), tests, on_rows=told.append)
    assert found.pairs.rows.tolist() == [6, 3400, 4800]
    assert found.pairs.tests.tolist() == [7, 9, 8]
    assert sum(told) == 2500


def test_wording_that_becomes_so_late_does_not_count() -> None:
    """Rows read while an n-gram still looked rare are judged when all are read, chunks later."""
    shared = " ".join(_LONG.split()[:12])
    pool = [(n, shared if n < 10 or n >= 2990 else f"row {n}") for n in range(3000)]
    _check(pool[:1500], [(0, _LONG)], "half")
    assert _find(pool[:1500], [(0, _LONG)]).rows.tolist() == list(range(10))
    longer = [*pool, *((3000 + n, shared) for n in range(20))]
    found = _find(longer, [(0, _LONG)])
    assert not len(found.rows) and not len(found.sharing)
    assert found.touching.tolist() == [row for row, text in longer if text == shared]


def test_a_row_lists_its_strongest_tests_and_all_are_counted() -> None:
    """40 equal tests: the 16 lowest stand beside the row; memory does not grow with the product."""
    tests = [(2 * n, _LONG) for n in range(40)]
    found = _find([(3, _LONG.upper()), (4, "nothing")], tests)
    assert found.pairs.tests.tolist() == [2 * n for n in range(MOST_TESTS)]
    assert found.pairs.held.tolist() == [2 * n for n in range(40)]


def test_many_shared_ngrams_are_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a piece, each row is judged once and whole."""
    draw = random.Random(0)
    words = [f"w{n}" for n in range(40)]
    texts = [" ".join(words[(start := draw.randrange(30)) : start + 11]) for _ in range(60)]
    pool, tests = list(enumerate(texts[:40])), list(enumerate(texts[40:]))
    for most in (1, 5, 100, 1 << 22):
        monkeypatch.setattr(held, "_MOST_AT_ONCE", most)
        for rule in get_args(LeakNgrams):
            _check(pool, tests, rule)
