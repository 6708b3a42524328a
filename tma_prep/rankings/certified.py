"""Nearest-neighbour lists that are exact: candidates in float32, settled in float64, certified.

Stored components are multiples of 2**-26 and at most 1 in size, so every product and partial sum
of an inner product is a multiple of 2**-52 below 2: float64 holds them all without rounding, in
whatever order they are added. Similarity is therefore one number, on any machine.

A float32 search returns candidates with scores that are off by at most `error`, and leaves out only
rows that scored no more than some `floor`. Two facts make its lists exact. Candidates whose scores
differ by more than 2 · error stand in their true order already; closer ones form a run, whose order
is settled by float64 when somebody comes to it. And a row left out has a similarity of at most
floor + error: a candidate that is certainly above that is nearer than all of them. The list is
trusted down to there; the rest of the run that the last trusted entry is in goes with it.
"""

import concurrent.futures
import os
from dataclasses import dataclass

import numpy as np

from tma_prep.rankings.searcher import Searcher
from tma_prep.rankings.vectors import VectorRows, remaining_blocks
from tma_prep.tables import Floats, Ints, Mask, Singles, ranges

_PAIRS_AT_ONCE = 4096
_SCORE_BITS = 33  # of a float32 and its sign
_MOST_KEY_BITS = 63
_ROWS_SCANNED_AT_ONCE = 4096
_SCANNED_ROWS = 1024  # of each test
_SCANNED_PAIRS = 1 << 22  # of all tests together, where that is more


@dataclass(frozen=True)
class NeighborLists:
    """For each test the rows nearest to it, nearest first, but for the order inside runs.

    Attributes:
        offsets: int64, shape (tests + 1,): list t is `offsets[t]:offsets[t + 1]`.
        rows: int64, all lists one after the other.
        run_ends: int64, for each entry the end of its run: the entries up to there are too close
            for float32 to tell apart. An entry that is settled is a run of its own.
        trusted: int64, shape (tests,): the entries of list t are trusted up to there.
        least: float64, shape (tests,): no row left out of list t is nearer than this similarity.
    """

    offsets: Ints
    rows: Ints
    run_ends: Ints
    trusted: Ints
    least: Floats


@dataclass(frozen=True)
class Candidates:
    """What a float32 search found, in any order: of each candidate its test, its row, its score.

    Attributes:
        floors: float32; of each test, a score that no row left out exceeds; -inf where none is.
        error: No score is further than this from the exact similarity.
    """

    queries: Ints
    rows: Ints
    scores: Singles
    floors: Singles
    error: float

    def of_tests(self, low: int, high: int) -> "Candidates":
        """Those of the tests from `low` to `high`, which are numbered from 0 then."""
        mine = np.flatnonzero((self.queries >= low) & (self.queries < high))
        return Candidates(
            self.queries[mine] - low,
            self.rows[mine],
            self.scores[mine],
            self.floors[low:high],
            self.error,
        )


def certified_neighbors(
    searcher: Searcher,
    tests: Singles,
    vectors: VectorRows,
    remaining: Mask | None,
    *,
    k: int,
    rows_per_block: int,
) -> NeighborLists:
    """Exactly the nearest remaining rows of each test, at least one and about k.

    Args:
        searcher: The float32 search.
        tests: Shape (m, d).
        vectors: The rows searched.
        remaining: Mask of the rows searched, None for all; at least one is set.
        k: Candidates a test; the lists may be a little shorter.
        rows_per_block: Rows searched at once. It changes the speed, never which rows come first.
    """
    total = vectors.shape[0] if remaining is None else int(np.count_nonzero(remaining))
    k = min(k, total)
    most = searcher.most_neighbors or k
    if k > most:
        # Longer lists than a search can give are put together from blocks, each of which gives
        # its `most` best; half of those are expected to be among the k best of all.
        rows_per_block = max(most, min(rows_per_block, total * most // (2 * k)))
    candidates = _candidates(searcher, tests, vectors, remaining, k, rows_per_block)
    return certify(tests, vectors, remaining, candidates)


def certify(
    tests: Singles, vectors: VectorRows, remaining: Mask | None, candidates: Candidates
) -> NeighborLists:
    """Make exact lists of float32 candidates among the rows that remain; see the module's text."""
    cuts = np.linspace(0, len(tests), 1 + min(os.cpu_count() or 1, len(tests))).astype(np.int64)

    def part(low: int, high: int) -> NeighborLists:
        return _certified(tests[low:high], vectors, remaining, candidates.of_tests(low, high))

    # Sorting is most of the work, and NumPy lets go of the interpreter for it.
    with concurrent.futures.ThreadPoolExecutor(len(cuts)) as workers:
        parts = list(workers.map(part, cuts[:-1].tolist(), cuts[1:].tolist()))
    begins = np.cumsum([0, *(len(lists.rows) for lists in parts)])
    shifted = list(zip(parts, begins.tolist(), strict=False))
    return NeighborLists(
        offsets=np.concatenate([[0], *(lists.offsets[1:] + begin for lists, begin in shifted)]),
        rows=np.concatenate([lists.rows for lists in parts]),
        run_ends=np.concatenate([lists.run_ends + begin for lists, begin in shifted]),
        trusted=np.concatenate([lists.trusted + begin for lists, begin in shifted]),
        least=np.concatenate([lists.least for lists in parts]),
    )


def _certified(
    tests: Singles, vectors: VectorRows, remaining: Mask | None, candidates: Candidates
) -> NeighborLists:
    """`certify` for some of the tests."""
    error, floors = candidates.error, candidates.floors.astype(np.float64)
    order = _nearest_first(candidates)
    queries, rows = candidates.queries[order], candidates.rows[order]
    score = candidates.scores[order].astype(np.float64)
    apart = (queries[1:] != queries[:-1]) | (score[:-1] - score[1:] > 2 * error)
    run_starts = np.flatnonzero(np.concatenate([[True], apart])) if len(rows) else order
    run_stops = np.append(run_starts, len(rows))[1:]
    run_ends = np.repeat(run_stops, run_stops - run_starts)
    begins, stops = np.searchsorted(queries, [np.arange(len(tests)), np.arange(1, len(tests) + 1)])
    ends = stops.copy()
    doubtful = np.flatnonzero(score <= floors[queries] + 2 * error)
    cut, first = np.unique(queries[doubtful], return_index=True)
    ends[cut] = doubtful[first]
    # A cut inside a run leaves the run whole; whoever comes to it settles what can be trusted.
    some = np.flatnonzero(ends > begins)
    stops[some] = run_ends[ends[some] - 1]
    empty = np.flatnonzero(ends == begins)
    # More rows tie, or nearly, than there are candidates: look at all of them.
    room = max(_SCANNED_ROWS, _SCANNED_PAIRS // max(1, len(empty)))
    scanned = exact_neighbors(tests[empty], vectors, remaining, room) if len(empty) else []
    least = floors + error
    least[empty] = -np.inf  # those lists are settled, and trusted to their end
    return _joined(rows, run_ends, begins, ends, stops, least, empty, scanned)


def nearest_ranks(
    lists: NeighborLists, tests: Singles, vectors: VectorRows, ranks: int
) -> tuple[Ints, Floats]:
    """The nearest rows of each test in exact order, and their similarities, shapes (m, ranks).

    `lists` are of these tests among all rows, of which there are `ranks` or more.
    """
    rows = np.empty((len(tests), ranks), dtype=np.int64)
    is_long = lists.trusted - lists.offsets[:-1] >= ranks
    long, short = np.flatnonzero(is_long), np.flatnonzero(~is_long)
    begins = lists.offsets[long]
    widths = lists.run_ends[begins + ranks - 1] - begins
    queries, found = np.repeat(long, widths), lists.rows[ranges(begins, widths)]
    exact = exact_similarities(tests, vectors, queries, found)
    firsts = np.cumsum(widths) - widths
    rows[long] = found[np.lexsort((found, -exact, queries))][firsts[:, None] + np.arange(ranks)]
    if len(short):
        rows[short] = exact_neighbors(tests[short], vectors, None, ranks)
    pairs = np.repeat(np.arange(len(tests)), ranks)
    return rows, exact_similarities(tests, vectors, pairs, rows.ravel()).reshape(rows.shape)


def exact_similarities(tests: Singles, vectors: VectorRows, queries: Ints, rows: Ints) -> Floats:
    """Inner products without rounding, one a pair of a test and a row."""
    if len(rows) <= _PAIRS_AT_ONCE:
        return pair_products(vectors.take(rows), tests[queries])
    exact = np.empty(len(rows), dtype=np.float64)

    def piece(start: int) -> None:
        here = slice(start, start + _PAIRS_AT_ONCE)
        exact[here] = pair_products(vectors.take(rows[here]), tests[queries[here]])

    # NumPy lets go of the interpreter while it copies and multiplies.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        list(workers.map(piece, range(0, len(rows), _PAIRS_AT_ONCE)))
    return exact


def pair_products(first: Singles, second: Singles) -> Floats:
    """Inner product of each pair of rows in float64, shape (rows,)."""
    products: Floats = np.einsum("rd,rd->r", first, second, dtype=np.float64)
    return products


def _nearest_first(candidates: Candidates) -> Ints:
    """Places of the candidates by query, then by score, greatest first."""
    bits = candidates.scores.view(np.int32).astype(np.int64)
    # IEEE 754 bits sort as integers once those of negative numbers are turned round.
    ascending = np.where(bits < 0, -(2**31) - bits, bits)
    key = (candidates.queries << _SCORE_BITS) - ascending
    place_bits = len(key).bit_length()
    if len(candidates.floors).bit_length() + _SCORE_BITS + place_bits > _MOST_KEY_BITS:
        return np.argsort(key)
    # NumPy sorts integers several times faster than it sorts places by them, so the place goes
    # into the low bits.
    packed = (key << place_bits) | np.arange(len(key))
    packed.sort()
    order: Ints = packed & ((1 << place_bits) - 1)
    return order


def _joined(
    rows: Ints,
    run_ends: Ints,
    begins: Ints,
    ends: Ints,
    stops: Ints,
    least: Floats,
    replaced: Ints,
    replacements: list[Ints],
) -> NeighborLists:
    """The lists `begins:stops` of rows, trusted to `ends`, some replaced, one after the other."""
    starts, lengths, trusted = begins.copy(), stops - begins, ends - begins
    extra = len(rows)
    for query, found in zip(replaced, replacements, strict=True):
        starts[query], lengths[query], trusted[query] = extra, len(found), len(found)
        extra += len(found)
    places = ranges(starts, lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    moved = np.repeat(offsets[:-1] - starts, lengths)
    all_rows = np.concatenate([rows, *replacements])
    all_ends = np.concatenate([run_ends, np.arange(len(rows), extra) + 1])
    return NeighborLists(
        offsets, all_rows[places], all_ends[places] + moved, offsets[:-1] + trusted, least
    )


def _candidates(
    searcher: Searcher,
    tests: Singles,
    vectors: VectorRows,
    remaining: Mask | None,
    k: int,
    rows_per_block: int,
) -> Candidates:
    """The k best rows of each test by float32 score, at most, merged over blocks."""
    floors = np.full(len(tests), -np.inf, dtype=np.float32)
    best_scores = np.full((len(tests), 0), -np.inf, dtype=np.float32)
    best_rows = np.full((len(tests), 0), -1, dtype=np.int64)
    for numbers, block in remaining_blocks(vectors, remaining, rows_per_block):
        asked = min(k, len(block), searcher.most_neighbors or k)
        scores, places = searcher.search(tests, block, asked)
        found = places >= 0
        # A search that returned too few has left rows out that nothing is known of: trust none.
        short = np.count_nonzero(found, axis=1) < asked
        scores = np.where(found, scores, np.float32(-np.inf))
        if asked < len(block):
            floors = np.maximum(floors, np.where(found, scores, np.inf).min(axis=1))
        floors[short] = np.inf
        best_scores = np.concatenate([best_scores, scores], axis=1)
        best_rows = np.concatenate([best_rows, np.where(found, numbers[places], -1)], axis=1)
        if best_scores.shape[1] > k:
            kept = np.argpartition(-best_scores, k - 1, axis=1)[:, :k]
            best_scores = np.take_along_axis(best_scores, kept, axis=1)
            best_rows = np.take_along_axis(best_rows, kept, axis=1)
            floors = np.maximum(floors, best_scores.min(axis=1))
    found = best_rows >= 0
    return Candidates(
        queries=np.repeat(np.arange(len(tests)), found.sum(axis=1)),
        rows=best_rows[found],
        scores=best_scores[found],
        floors=floors,
        error=searcher.error_bound(vectors.shape[1]),
    )


def exact_neighbors(
    tests: Singles, vectors: VectorRows, remaining: Mask | None, k: int
) -> list[Ints]:
    """The k nearest rows of each test, by exact similarity to every row that remains: slow."""
    best_rows = [np.empty(0, dtype=np.int64) for _ in tests]
    best = [np.empty(0, dtype=np.float64) for _ in tests]
    tests64 = tests.T.astype(np.float64)
    for numbers, block in remaining_blocks(vectors, remaining, _ROWS_SCANNED_AT_ONCE):
        products = block.astype(np.float64) @ tests64
        for test in range(len(tests)):
            similarities = products[:, test]
            if len(best[test]) == k:
                # Rows come in order, so a later one that ties with the last of the list loses.
                nearer = similarities > best[test][-1]
                if not nearer.any():
                    continue
                rows, similarities = numbers[nearer], similarities[nearer]
            else:
                rows = numbers
            rows = np.concatenate([best_rows[test], rows])
            similarities = np.concatenate([best[test], similarities])
            nearest_first = np.lexsort((rows, -similarities))[:k]
            best_rows[test], best[test] = rows[nearest_first], similarities[nearest_first]
    return best_rows
