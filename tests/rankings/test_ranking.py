"""Every ranking against its definition, written down again in exact arithmetic."""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

import tma_prep
from tests.brute_force import CASES, named_case, rounds_of, similarity_matrix
from tests.rankings.searchers import SEARCHERS
from tma_prep.embeddings.unit import on_grid
from tma_prep.errors import OptionError
from tma_prep.rankings.engine import RANKINGS, Engine, rank_with
from tma_prep.rankings.units import unit_means
from tma_prep.rankings.vectors import ArrayVectors

DISTANCES = ("min", "avg", "max", "centroid", "wsd")


def exact_means(tests: NDArray[np.float32], train: NDArray[np.float32]) -> list[Fraction]:
    """Mean of −cos over all tests of every row, as fractions."""
    total = [sum(map(Fraction, column)) for column in tests.T.tolist()]
    return [
        -sum((Fraction(x) * t for x, t in zip(row, total, strict=True)), Fraction()) / len(tests)
        for row in train.tolist()
    ]


def exact_distances(
    name: str, tests: NDArray[np.float32], train: NDArray[np.float32]
) -> list[float]:
    """The definition of each distance."""
    similarity = similarity_matrix(tests, train)
    nearest: list[float] = (-similarity).min(axis=0).tolist()
    means = exact_means(tests, train)
    if name == "min":
        return nearest
    if name == "max":
        farthest: list[float] = (-similarity).max(axis=0).tolist()
        return farthest
    if name == "avg":
        return [float(mean) for mean in means]
    if name == "centroid":
        total = [sum(map(Fraction, column)) for column in tests.T.tolist()]
        length = math.sqrt(sum(part * part for part in total))
        return [float(mean * len(tests)) / length for mean in means]
    weight = float(sum(map(Fraction, nearest)) / sum(means))
    return [least + weight * float(mean) for least, mean in zip(nearest, means, strict=True)]


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("case", CASES)
def test_distances_equal_their_definition(case: str, name: str) -> None:
    """To the last bits, and equal rows exactly alike."""
    train, tests = named_case(case, 70, 9)
    found = rank_with(name, Engine(ArrayVectors(train), tests))
    assert found.rounds is None and found.distance is not None
    expected = exact_distances(name, tests, train)
    np.testing.assert_allclose(found.distance, expected, rtol=1e-14, atol=1e-15)
    if name in ("min", "max"):
        assert found.distance.tolist() == expected
    _, first, same = np.unique(train, axis=0, return_index=True, return_inverse=True)
    assert (found.distance == found.distance[first[same.reshape(-1)]]).all()


@pytest.mark.parametrize("case", CASES)
def test_farthest_rounds_are_rounds_of_the_opposite(case: str) -> None:
    """Every test names its farthest remaining row; ties go to the lower row."""
    train, tests = named_case(case, 90, 8)
    remaining = np.random.default_rng(3).random(90) < 0.6
    engine = Engine(ArrayVectors(train), tests)
    found = engine.farthest_rounds(remaining)
    assert found[remaining].tolist() == rounds_of(-similarity_matrix(tests, train[remaining]))
    assert not found[~remaining].any()


@pytest.mark.parametrize("name", [name for name in RANKINGS if name != "ot"])
def test_a_ranking_does_not_depend_on_memory(name: str) -> None:
    """Blocks and list lengths follow the budget; the ranking does not."""
    train, tests = named_case("duplicated", 400, 12)
    roomy = rank_with(name, Engine(ArrayVectors(train), tests))
    tight = rank_with(name, Engine(ArrayVectors(train), tests, memory_bytes=10_000))
    for field in ("rounds", "distance", "similarity", "nearest_test"):
        one, other = getattr(roomy, field), getattr(tight, field)
        assert (one is None and other is None) or one.tolist() == other.tolist()


@pytest.mark.parametrize("searcher", SEARCHERS)
@pytest.mark.parametrize("case", CASES)
def test_a_ranking_does_not_depend_on_who_searches(case: str, searcher: str) -> None:
    """The way of a GPU, walked on the CPU: padding, few neighbours, scores off by the bound."""
    train, tests = named_case(case, 150, 11)
    plain = rank_with("tma", Engine(ArrayVectors(train), tests))
    engine = Engine(ArrayVectors(train), tests, searcher=SEARCHERS[searcher])
    other = rank_with("tma", engine)
    assert plain.rounds is not None and other.rounds is not None
    assert plain.rounds.tolist() == other.rounds.tolist()
    assert plain.similarity.tolist() == other.similarity.tolist()
    assert plain.nearest_test.tolist() == other.nearest_test.tolist()


class InPieces(ArrayVectors):
    """Vectors in seven pieces."""

    def slices(self) -> Iterator[NDArray[np.float32]]:
        """One after the other."""
        return iter(np.array_split(self.take(np.arange(self.shape[0])), 7))


def test_units_are_ranked_by_their_mean() -> None:
    """The mean direction of each unit's rows, whatever the pieces the rows come in."""
    train, _ = named_case("clustered", 100, 3)
    unit = np.random.default_rng(0).integers(5, size=100)
    names = list("abcde")
    whole = unit_means(ArrayVectors(train), unit, names)
    pieces = unit_means(InPieces(train), unit, names)
    assert (whole == pieces).all()
    for number in range(5):
        mean = train[unit == number].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(whole[number], mean / np.linalg.norm(mean), atol=1e-12)
    assert (np.abs(on_grid(whole) - whole) < 2.0**-24).all()


def test_a_unit_that_cancels_out_is_named() -> None:
    """It has no direction, so nothing is near to it."""
    rows = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    with pytest.raises(OptionError, match="unit 'b' cancel out"):
        unit_means(ArrayVectors(rows), np.array([1, 1, 0]), ["a", "b"])


def test_from_python_in_two_lines() -> None:
    """Arrays of any length in, an order out."""
    draw = np.random.default_rng(1)
    train, tests = 5 * draw.standard_normal((50, 6)), draw.standard_normal((4, 6))
    ranking = tma_prep.rank(train, tests)
    rows = tma_prep.order(ranking, "nft")
    assert sorted(rows.tolist()) == list(range(50))
    assert ranking.rounds is not None
    assert (np.diff(ranking.rounds[rows]) >= 0).all()
    assert tma_prep.order(ranking, "fft").tolist() == rows.tolist()[::-1]
    few = tma_prep.order(tma_prep.rank(train, tests, "wsd"), "nft", budget="10")
    assert len(few) == 10


def test_an_unknown_ranking_names_the_known_ones() -> None:
    """One line with the choices."""
    with pytest.raises(OptionError, match="--ranking best is not known; it is one of tma, wsd"):
        tma_prep.rank(np.eye(2), np.eye(2), "best")
