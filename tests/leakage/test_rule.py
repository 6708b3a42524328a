"""The leakage rule against the definition, written again with sets of strings."""

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.leakage import find_leaks
from tma_prep.leakage.rule import LeakNgrams

Numbered = list[tuple[int, str]]


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c if c.isalnum() else " " for c in folded).split()


def _grams(text: str, n: int = 8) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def brute_force(
    pool: Numbered, tests: Numbered, rule: str
) -> tuple[dict[int, tuple[int, str, float]], set[int], set[int]]:
    """Leaking rows with test, kind and score; rows that touch a test; and by more than wording."""
    held = {row: _grams(text) for row, text in pool}
    wording = {
        gram
        for gram in set().union(*held.values())
        if sum(gram in grams for grams in held.values()) > max(2, len(pool) / 100)
    }
    leaks, touching, sharing = {}, set(), set()
    for row, text in pool:
        found: list[tuple[float, int, str]] = []
        for test, test_text in tests:
            words, all_grams = _words(test_text), _grams(test_text)
            if "".join(words) == "".join(_words(text)):
                found.append((-2.0, test, "normalised"))
                touching.add(row)
                sharing.add(row)
            elif 0 < len(words) < 8:
                if tuple(words) in _grams(text, len(words)):
                    found.append((-1.0, test, "ngram"))
                    touching.add(row)
                    sharing.add(row)
            elif grams := all_grams - wording:
                share = len(grams & held[row]) / len(grams)
                if share >= 0.5 or (rule == "any" and share > 0):
                    found.append((-share, test, "ngram"))
            if all_grams & held[row]:
                touching.add(row)
            if (all_grams - wording) & held[row]:
                sharing.add(row)
        if found:
            score, test, kind = min(found)
            leaks[row] = (test, kind, min(1.0, -score))
    return leaks, touching, sharing


def _check(pool: Numbered, tests: Numbered, rule: LeakNgrams) -> None:
    found = find_leaks(lambda: iter(pool), tests, rule)
    expected, touching, sharing = brute_force(pool, tests, rule)
    scores = [pytest.approx(score) for score in found.scores]
    got = zip(found.tests.tolist(), found.kinds, scores, strict=True)
    assert dict(zip(found.rows.tolist(), got, strict=True)) == expected
    assert set(found.touching.tolist()) == touching
    assert set(found.sharing.tolist()) == sharing


_WORDS = ["a", "B", "ç", "d-d", "e.", "Ünï", "１", "straße", "!!"]
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
    if any(not _words(" ".join(text)) for text in [*pool, *tests]):
        return
    _check(
        [(3 * n, " ".join(text)) for n, text in enumerate(pool)],
        [(2 * n, " ".join(text)) for n, text in enumerate(tests)],
        rule,
    )


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
    found = find_leaks(lambda: [(5, "something else entirely"), (9, leak)], [(0, _LONG)])
    assert (found.rows.tolist(), found.kinds, found.scores.tolist()) == ([9], ["normalised"], [1])


def test_half_of_the_ngrams_is_enough_and_less_is_not() -> None:
    """17 words are ten 8-grams: five are in the first twelve words."""
    words = _LONG.split()
    assert len(_grams(_LONG)) == 10
    pool = [(0, " ".join(words[:12])), (1, " ".join(words[:11])), (2, " ".join(words[:7]))]
    half, any_ = (find_leaks(lambda: pool, [(4, _LONG)], rule) for rule in ("half", "any"))
    assert (half.rows.tolist(), half.scores.tolist()) == ([0], [0.5])
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
    found = find_leaks(lambda: [*filler, *leaky], tests, "any")
    assert found.rows.tolist() == [294]
    assert found.touching.tolist() == [row for row, _ in asked]


def test_every_row_of_more_than_one_chunk_is_judged() -> None:
    """Row numbers come from the pool, rows are told twice."""
    pool = [(2 * n, f"word{n} " * 9) for n in range(2500)]
    told: list[int] = []
    tests = [(7, "word3 " * 9), (8, "word2400 " * 20), (9, "word1700")]
    found = find_leaks(lambda: iter(pool), tests, on_rows=told.append)
    assert found.rows.tolist() == [6, 3400, 4800]
    assert found.tests.tolist() == [7, 9, 8]
    assert sum(told) == 5000
