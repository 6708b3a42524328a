"""Every order in the registry is a permutation, and each is what it says."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import brute_force
from tma_prep.errors import OptionError
from tma_prep.orders.sequences import ORDERS, Ranked, WithinRound, order_positions, then_shuffle

WITHIN: tuple[WithinRound, ...] = ("similarity", "index", "shuffle")
MET = [number for number in range(-4, 5) if number]


def ranked(
    rounds: Sequence[int],
    similarity: Sequence[float],
    within: WithinRound = "similarity",
    seed: int = 0,
    *,
    task: Sequence[int] | None = None,
    distances: bool = False,
) -> Ranked:
    """A ranking written down by hand; with `distances` the rounds are those."""
    return Ranked(
        rows=np.arange(len(rounds)) * 3,
        similarity=np.array(similarity),
        rounds=None if distances else np.array(rounds, np.int32),
        distance=np.array(rounds) / 8 if distances else None,
        task=None if task is None else np.array(task),
        within_round=within,
        seed=seed,
    )


@st.composite
def rankings(draw: st.DrawFn) -> Ranked:
    """Few rounds, similarities and tasks, so ties abound."""
    rows = draw(st.integers(1, 40))
    return ranked(
        draw(st.lists(st.sampled_from(MET), min_size=rows, max_size=rows)),
        draw(st.lists(st.sampled_from([0.25, 0.5, 0.75]), min_size=rows, max_size=rows)),
        draw(st.sampled_from(WITHIN)),
        draw(st.integers(0, 50)),
        task=draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows)),
        distances=draw(st.booleans()),
    )


def plain_nearest_first(made: Ranked) -> list[int]:
    """By the definition, for every rule but the drawn one."""

    def place(entry: int) -> tuple[float, ...]:
        tie = (-float(made.similarity[entry]),) if made.within_round == "similarity" else ()
        if made.distance is not None:
            return (float(made.distance[entry]), *tie, entry)
        assert made.rounds is not None
        number = int(made.rounds[entry])
        return (int(number < 0), number, *tie, entry)

    return sorted(range(len(made.rows)), key=place)


def plain_round_robin(nearest: list[int], task: list[int]) -> list[int]:
    """Queues in a circle, one row off each in turn."""
    queues: dict[int, list[int]] = {}
    for entry in nearest:
        queues.setdefault(task[entry], []).append(entry)
    sequence = []
    while any(queues.values()):
        for queue in queues.values():
            if queue:
                sequence.append(queue.pop(0))
    return sequence


@settings(deadline=None)
@given(made=rankings(), name=st.sampled_from(sorted(ORDERS)))
def test_an_order_is_a_permutation_and_seed_stable(made: Ranked, name: str) -> None:
    """Over the whole registry; the same seed gives the same rows, and inputs stay as they were."""
    before = repr(made)
    order = order_positions(name, made)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(made)))
    assert order.tolist() == order_positions(name, made).tolist()
    assert repr(made) == before


@settings(deadline=None)
@given(made=rankings())
def test_orders_equal_brute_force(made: Ranked) -> None:
    """The sequences that are no draw, each from its definition; a draw inside a round is taken."""
    nearest = order_positions("nft", made).tolist()
    if made.within_round != "shuffle":
        assert nearest == plain_nearest_first(made)
    near = made.distance if made.rounds is None else made.rounds
    assert near is not None
    steps = near[nearest]
    assert len({float(step) for step in near}) == 1 + int((steps[1:] != steps[:-1]).sum())
    assert made.task is not None
    task = made.task.tolist()
    appeared = list(dict.fromkeys(task[entry] for entry in nearest))
    assert order_positions("fft", made).tolist() == nearest[::-1]
    assert order_positions("round-robin", made).tolist() == plain_round_robin(nearest, task)
    assert order_positions("cluster", made).tolist() == [
        entry for name in appeared for entry in nearest if task[entry] == name
    ]


def test_nearest_first_by_hand() -> None:
    """Rounds forward; inside one, more similar first, then the lower row."""
    made = ranked([2, 1, 1, 2, 1], [0.9, 0.5, 0.7, 0.95, 0.7])
    assert order_positions("nft", made).tolist() == [2, 4, 1, 3, 0]
    by_index = ranked([2, 1, 1, 2, 1], [0.9, 0.5, 0.7, 0.95, 0.7], "index")
    assert order_positions("nft", by_index).tolist() == [1, 2, 4, 0, 3]


def test_farthest_pick_rounds_come_last_and_backward() -> None:
    """The first farthest picks are the end of nearest first."""
    made = ranked([-1, 2, -3, 1, -1, -2], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert order_positions("nft", made).tolist() == [3, 1, 2, 5, 4, 0]
    assert order_positions("fft", made).tolist() == [0, 4, 5, 2, 1, 3]


def test_distances_by_hand() -> None:
    """The smallest first; equal ones by the rule, told apart in float64."""
    made = ranked([-5, 2, 2, -5, 2], [0.1, 0.2, 0.3, 0.4, 0.3], distances=True)
    assert order_positions("nft", made).tolist() == [3, 0, 2, 4, 1]
    close = Ranked(
        np.arange(2), np.zeros(2), None, np.array([1 + 2**-52, 1.0]), None, "similarity", 0
    )
    assert order_positions("nft", close).tolist() == [1, 0]


def test_nearest_first_equals_brute_force() -> None:
    """On vectors, not on numbers made up."""
    train, tests = brute_force.named_case("duplicated", 80, 9)
    exact = brute_force.similarity_matrix(tests, train)
    rounds = brute_force.rounds_of(exact)
    made = ranked(rounds, exact.max(axis=0).tolist())
    assert order_positions("nft", made).tolist() == brute_force.nearest_first(exact, rounds)


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


@settings(deadline=None)
@given(made=rankings(), data=st.data())
def test_fewer_rows_keep_their_sequence(made: Ranked, data: st.DataObject) -> None:
    """Nearest first of some rows is nearest first of all without the others, drawn or not."""
    kept = np.array(
        sorted(data.draw(st.sets(st.integers(0, len(made) - 1), min_size=1))), dtype=np.int64
    )
    whole = order_positions("nft", made)
    part = order_positions("nft", made.take(kept))
    assert kept[part].tolist() == whole[np.isin(whole, kept)].tolist()


def test_random_order_depends_on_its_seed_alone() -> None:
    """Another seed, another order."""
    rounds = [1] * 30
    orders = [order_positions("rt", ranked(rounds, [0.0] * 30, seed=s)).tolist() for s in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_tasks_in_turn_and_together() -> None:
    """Task 7 comes first, having the nearest row; task 1 runs out first."""
    made = ranked([3, 2, 1, 4, 5, 6], [0.5] * 6, task=[1, 4, 7, 7, 4, 7])
    assert order_positions("nft", made).tolist() == [2, 1, 0, 3, 4, 5]
    assert order_positions("round-robin", made).tolist() == [2, 1, 0, 3, 4, 5]
    assert order_positions("cluster", made).tolist() == [2, 3, 5, 1, 4, 0]
    many_of_one = ranked([1, 2, 3, 4, 5], [0.5] * 5, task=[0, 0, 0, 1, 1])
    assert order_positions("round-robin", many_of_one).tolist() == [0, 3, 1, 4, 2]


@pytest.mark.parametrize("name", ["round-robin", "cluster"])
def test_orders_of_tasks_need_tasks(name: str) -> None:
    """One line with the remedy."""
    with pytest.raises(OptionError, match=f"--order {name} arranges tasks.*; give each row a task"):
        order_positions(name, ranked([1], [0.5]))


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_no_rows_have_an_empty_order(name: str) -> None:
    """Nothing is special about it."""
    assert order_positions(name, ranked([], [], "shuffle", task=[])).tolist() == []


def test_an_unknown_order_names_the_known_ones() -> None:
    """One line with the choices."""
    with pytest.raises(
        OptionError,
        match="--order best is not known; it is one of nft, fft, rt, round-robin, cluster",
    ):
        order_positions("best", ranked([1], [0.5]))


@settings(deadline=None)
@given(
    sequence=st.permutations(range(25)),
    hundredths=st.integers(0, 100),
    seed=st.integers(0, 50),
)
def test_the_rest_is_shuffled(sequence: list[int], hundredths: int, seed: int) -> None:
    """The first rows stay where they are, as many as the share rounds up to."""
    before = np.array(sequence)
    after = then_shuffle(before, hundredths / 100, seed)
    kept = -(-hundredths * 25 // 100)
    assert after[:kept].tolist() == sequence[:kept]
    assert sorted(after.tolist()) == list(range(25))
    assert after.tolist() == then_shuffle(before, hundredths / 100, seed).tolist()
    assert before.tolist() == sequence


def test_a_share_means_what_is_written() -> None:
    """0.07 x 100 is above 7 in binary; and the seed matters."""
    shuffled = [then_shuffle(np.arange(100), 0.07, seed).tolist() for seed in (0, 1)]
    assert shuffled[0][:7] == list(range(7)) == shuffled[1][:7]
    assert shuffled[0][7] != 7
    assert shuffled[0] != shuffled[1]


@pytest.mark.parametrize("after", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(after: float) -> None:
    """With the value it got."""
    with pytest.raises(OptionError, match=f"--shuffle-after is a share.*from 0 to 1; got {after}"):
        then_shuffle(np.arange(3), after, 0)


def test_a_ranking_that_cannot_be_is_refused() -> None:
    """Rounds and distances exclude each other; arrays agree; rows ascend."""
    two, rounds = np.zeros(2), np.ones(2, np.int32)
    with pytest.raises(ValueError, match="exactly one of the two"):
        Ranked(np.arange(2), two, rounds, two, None, "index", 0)
    with pytest.raises(ValueError, match="exactly one of the two"):
        Ranked(np.arange(2), two, None, None, None, "index", 0)
    with pytest.raises(ValueError, match="3 rows, but similarity has 2 entries"):
        Ranked(np.arange(3), two, rounds, None, None, "index", 0)
    with pytest.raises(ValueError, match="rows must ascend"):
        Ranked(np.array([1, 1]), two, rounds, None, None, "index", 0)
