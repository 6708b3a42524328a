"""Every order in the registry is a permutation, and each is what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brute_force import named_case, nearest_first, rounds_of, similarity_matrix
from tma_prep.arrangement import ORDERS, Ranked, WithinRound, order_positions
from tma_prep.errors import OptionError

WITHIN: tuple[WithinRound, ...] = ("similarity", "index", "shuffle")


def ranked(
    rounds: list[int], similarity: list[float], within: WithinRound = "similarity", seed: int = 0
) -> Ranked:
    """A ranking written down by hand."""
    return Ranked(np.array(rounds, np.int32), np.array(similarity), within, seed)


@given(
    rounds=st.lists(st.integers(1, 5), min_size=1, max_size=40),
    seed=st.integers(0, 50),
    within=st.sampled_from(WITHIN),
    name=st.sampled_from(sorted(ORDERS)),
)
def test_an_order_is_a_permutation_and_seed_stable(
    rounds: list[int], seed: int, within: WithinRound, name: str
) -> None:
    """Over the whole registry; the same seed gives the same rows, and inputs stay as they were."""
    similarity = np.random.default_rng(seed).integers(0, 4, len(rounds)) / 4
    made = ranked(rounds, similarity.tolist(), within, seed)
    before = made.round_of_row.copy()
    order = order_positions(name, made)
    assert sorted(order.tolist()) == list(range(len(rounds)))
    assert order.tolist() == order_positions(name, made).tolist()
    assert (made.round_of_row == before).all()


def test_nearest_first_by_hand() -> None:
    """Rounds forward; inside one, more similar first, then the lower row."""
    made = ranked([2, 1, 1, 2, 1], [0.9, 0.5, 0.7, 0.95, 0.7])
    assert order_positions("nft", made).tolist() == [2, 4, 1, 3, 0]
    by_index = ranked([2, 1, 1, 2, 1], [0.9, 0.5, 0.7, 0.95, 0.7], "index")
    assert order_positions("nft", by_index).tolist() == [1, 2, 4, 0, 3]


def test_nearest_first_equals_brute_force() -> None:
    """On vectors, not on numbers made up."""
    train, tests = named_case("duplicated", 80, 9)
    exact = similarity_matrix(tests, train)
    rounds = rounds_of(exact)
    made = ranked(rounds, exact.max(axis=0).tolist())
    assert order_positions("nft", made).tolist() == nearest_first(exact, rounds)


@pytest.mark.parametrize("within", WITHIN)
def test_farthest_first_is_nearest_first_reversed(within: WithinRound) -> None:
    """Row for row, shuffled rounds too."""
    made = ranked([1, 1, 1, 2, 2, 3], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], within, seed=4)
    nft, fft = order_positions("nft", made), order_positions("fft", made)
    assert fft.tolist() == nft.tolist()[::-1]


def test_shuffled_rounds_stay_rounds() -> None:
    """Shuffling moves rows inside a round only, and the seed matters."""
    rounds = [1] * 20 + [2] * 20
    orders = [
        order_positions("nft", ranked(rounds, [0.0] * 40, "shuffle", seed)) for seed in (0, 1)
    ]
    for order in orders:
        assert set(order[:20].tolist()) == set(range(20))
    assert orders[0].tolist() != orders[1].tolist()


def test_random_order_depends_on_its_seed_alone() -> None:
    """Another seed, another order."""
    rounds = [1] * 30
    orders = [order_positions("rt", ranked(rounds, [0.0] * 30, seed=s)).tolist() for s in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_an_unknown_order_names_the_known_ones() -> None:
    """One line with the choices."""
    with pytest.raises(OptionError, match="--order best is not known; it is one of nft, fft, rt"):
        order_positions("best", ranked([1], [0.5]))
