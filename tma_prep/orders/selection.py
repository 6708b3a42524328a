"""Which rows stay: the nearest, the farthest, both ends, or a draw, up to a budget.

A new selection is one function and one line in `SELECTIONS`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import OptionError, check_known
from tma_prep.orders.sequences import Ranked, nearest_first
from tma_prep.tables import Ints, Mask

Enough = Callable[[Ints], bool]
"""Told the entries of each farthest-pick round as it is found; True where no more are needed."""

FarthestRounds = Callable[[Mask, Enough], NDArray[np.int32]]
"""Given a mask of the entries that remain: k for an entry of the k-th farthest-pick round among
them, 0 for any other. It may stop when told that it is enough; what is selected is the same."""

_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6}


@dataclass(frozen=True)
class Budget:
    """How much may stay.

    Raises:
        OptionError: The amount is below 1.
    """

    amount: int
    unit: Literal["rows", "tokens"]

    def __post_init__(self) -> None:
        """Refuse a budget that can keep nothing."""
        if self.amount < 1:
            raise OptionError(f"--budget must be 1 or more; got {self}")

    def __str__(self) -> str:
        """As in messages: `30000 rows`."""
        return f"{self.amount} {self.unit}"


def parse_budget(text: str) -> Budget:
    """Read `30000`, `30k`, `1.5M` (rows), `2Mtok` or `500ktok` (tokens).

    Raises:
        OptionError: It is none of these, or below 1.
    """
    found = re.fullmatch(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)([kKM]?)(tok)?", text)
    amount = Fraction(found[1]) * _UNITS[found[2]] if found else Fraction(1, 2)
    if found is None or amount.denominator != 1:
        raise OptionError(
            f"--budget takes rows, as in 30000 or 30k, or tokens, as in 2Mtok; got '{text}'"
        )
    return Budget(int(amount), "tokens" if found[3] else "rows")


@dataclass(frozen=True)
class RoundWindow:
    """Rounds as a Python slice counts them: 2 and 5 are the third, fourth and fifth."""

    start: int | None
    stop: int | None

    def __str__(self) -> str:
        """As it is written: `2:5`."""
        return ":".join("" if end is None else str(end) for end in (self.start, self.stop))

    @property
    def counts_from_the_end(self) -> bool:
        """Whether it cannot be told before the last round is known."""
        return min(self.start or 0, self.stop or 0) < 0

    def entries(self, rounds: NDArray[np.int32]) -> Ints:
        """Entries, ascending, whose round, from 1, it keeps."""
        start, stop, _ = slice(self.start, self.stop).indices(int(rounds.max(initial=0)))
        return np.flatnonzero((rounds > start) & (rounds <= stop))


def parse_rounds(text: str) -> RoundWindow:
    """Read `2:5`, `:3`, `-2:` and the like.

    Raises:
        OptionError: It is no window.
    """
    found = re.fullmatch(r"(-?[0-9]{1,18})?:(-?[0-9]{1,18})?", text)
    if found is None:
        raise OptionError(
            f"--rounds takes a window as in 2:5 (rounds 3, 4 and 5), :3 or -2:; got '{text}'"
        )
    return RoundWindow(*(None if end is None else int(end) for end in found.groups()))


@dataclass(frozen=True)
class _Limit:
    """How many rows may be picked, or how many tokens where `tokens` counts each entry's."""

    amount: int | None
    tokens: Ints | None

    def __str__(self) -> str:
        return f"{self.amount} {'rows' if self.tokens is None else 'tokens'}"

    def used_by(self, entries: Ints) -> int:
        return len(entries) if self.tokens is None else int(self.tokens[entries].sum())

    def is_past(self, used: int) -> bool:
        """Whether no pick could follow those that use this much."""
        if self.amount is None:
            return False
        # Rows without tokens may still follow where the tokens are used up.
        return used >= self.amount if self.tokens is None else used > self.amount

    def prefix(self, sequence: Ints) -> Ints:
        """The longest beginning that does not exceed it."""
        if self.tokens is None or self.amount is None:
            return sequence[: self.amount]
        used = np.cumsum(self.tokens[sequence])
        return sequence[: np.searchsorted(used, self.amount, side="right")]

    def check(self, entries: Ints, place: str) -> None:
        """Refuse to ask for more than these hold."""
        there = self.used_by(entries)
        if self.amount is not None and self.amount > there:
            raise OptionError(f"--budget {self} is more than {place}; ask for {there} or fewer")


@dataclass(frozen=True)
class _Choice:
    """What a selection is made from."""

    ranked: Ranked
    limit: _Limit
    window: RoundWindow | None
    farthest_rounds: FarthestRounds | None

    def first(self, side: Ranked, entries: Ints) -> Ints:
        """The picks, in any sequence, of these entries; `side` ranks them nearest pick first."""
        inside = self.inside(side, entries)
        if self.limit.amount is None:
            return entries[inside]
        return self.limit.prefix(entries[inside[nearest_first(side.take(inside))]])

    def inside(self, side: Ranked, entries: Ints) -> Ints:
        """Entries of `side` in the window, which must be enough for the limit."""
        if self.window is None:
            return np.arange(len(side))
        assert side.rounds is not None
        inside = self.window.entries(side.rounds)
        if not len(inside):
            raise OptionError(
                f"--rounds {self.window} keeps none of the {side.rounds.max(initial=0)} rounds; "
                "name some of them"
            )
        self.limit.check(entries[inside], f"rounds {self.window} hold")
        return inside

    def enough(self) -> Enough:
        """Tells when the farthest-pick rounds hold all that is asked for."""
        window, limit = self.window or RoundWindow(None, None), self.limit
        start, stop = window.start or 0, window.stop
        rounds = used = 0

        def enough(entries: Ints) -> bool:
            nonlocal rounds, used
            rounds += 1
            if rounds > start:
                used += limit.used_by(entries)
            ended = stop is not None and rounds >= stop > start
            return not window.counts_from_the_end and (ended or limit.is_past(used))

        return enough

    def farthest(self, remaining: Mask) -> tuple[Ints, NDArray[np.int32] | None]:
        """The farthest of what remains, and the rounds of all entries with these picked."""
        ranked = self.ranked
        if ranked.distance is not None:
            entries = np.flatnonzero(remaining)
            side = replace(ranked.take(entries), distance=-ranked.distance[entries])
            return self.first(side, entries), None
        if self.farthest_rounds is None or ranked.rounds is None:
            raise ValueError("a ranking by rounds needs farthest_rounds to pick the farthest")
        if not remaining.any():
            return np.empty(0, dtype=np.int64), ranked.rounds
        found = self.farthest_rounds(remaining, self.enough())
        entries = np.flatnonzero(found)
        picked = self.first(replace(ranked.take(entries), rounds=found[entries]), entries)
        rounds = ranked.rounds.copy()
        rounds[picked] = -found[picked]
        return picked, rounds


def _nearest(choice: _Choice) -> Ranked:
    picked = choice.first(choice.ranked, np.arange(len(choice.ranked)))
    return choice.ranked.take(np.sort(picked))


def _farthest(choice: _Choice) -> Ranked:
    picked, rounds = choice.farthest(np.ones(len(choice.ranked), dtype=np.bool_))
    return replace(choice.ranked, rounds=rounds).take(np.sort(picked))


def _both_ends(choice: _Choice) -> Ranked:
    """ceil(B/2) of the nearest, then the rest of the farthest among the rows still left."""
    ranked, limit = choice.ranked, choice.limit
    if limit.amount is None:
        raise OptionError("--select both-ends halves a budget, and there is none; give --budget")
    if choice.window is not None:
        raise OptionError(
            f"--rounds {choice.window} with --select both-ends: a window is one of nearest rounds "
            "or of farthest-pick rounds; use --select nearest or farthest"
        )
    half = replace(limit, amount=limit.amount - limit.amount // 2)
    near = replace(choice, limit=half).first(ranked, np.arange(len(ranked)))
    remaining = np.ones(len(ranked), dtype=np.bool_)
    remaining[near] = False
    rest = replace(limit, amount=limit.amount - limit.used_by(near))
    if rest.is_past(0):
        return ranked.take(np.sort(near))
    far, rounds = replace(choice, limit=rest).farthest(remaining)
    return replace(ranked, rounds=rounds).take(np.sort(np.concatenate([near, far])))


def _random(choice: _Choice) -> Ranked:
    if choice.limit.amount is None:
        raise OptionError("--select random draws a budget, and there is none; give --budget")
    inside = choice.inside(choice.ranked, np.arange(len(choice.ranked)))
    drawn = np.random.default_rng([choice.ranked.seed, 2]).permutation(inside)
    return choice.ranked.take(np.sort(choice.limit.prefix(drawn)))


SELECTIONS: dict[str, Callable[[_Choice], Ranked]] = {
    "nearest": _nearest,
    "farthest": _farthest,
    "both-ends": _both_ends,
    "random": _random,
}


def select(
    name: str,
    ranked: Ranked,
    *,
    budget: Budget | None = None,
    tokens_of_row: Ints | None = None,
    window: RoundWindow | None = None,
    farthest_rounds: FarthestRounds | None = None,
) -> Ranked:
    """The rows that stay; what was picked in the k-th farthest-pick round has the round -k.

    Args:
        name: A name in `SELECTIONS`.
        ranked: The whole pool.
        budget: Of rows, it is met exactly; of tokens, the longest beginning of the picks that does
            not exceed it stays; None keeps all.
        tokens_of_row: int64, shape (rows,): tokens of each entry, for a budget of tokens.
        window: Rounds of the picks to keep, before the budget is applied; None for all.
        farthest_rounds: Finds the farthest-pick rounds of a ranking by rounds; for `farthest` and
            `both-ends`.

    Raises:
        OptionError: There is no selection of that name, it lacks a budget or cannot have a window,
            the budget is above what there is or keeps nothing, or the window keeps nothing.
        ValueError: `tokens_of_row` or `farthest_rounds` is needed and missing.
    """
    check_known("--select", name, SELECTIONS)
    if window is not None and ranked.rounds is None:
        raise OptionError(
            f"--rounds {window} keeps rounds, and this ranking has none; "
            "use --ranking tma, or --budget"
        )
    limit = _Limit(None, None)
    if budget is not None:
        counted = budget.unit == "tokens"
        if counted and tokens_of_row is None:
            raise ValueError("a budget of tokens needs tokens_of_row")
        limit = _Limit(budget.amount, tokens_of_row if counted else None)
        limit.check(np.arange(len(ranked)), "the pool holds")
    kept = SELECTIONS[name](_Choice(ranked, limit, window, farthest_rounds))
    if budget is not None and not len(kept):
        raise OptionError(f"--budget {budget} is less than the first pick has; ask for more")
    return kept
