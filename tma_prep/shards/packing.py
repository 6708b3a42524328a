"""Sequences packed side by side without padding, and without leaving their order.

Next-fit: a pack is filled with the sequences as they come, and the first that does not fit begins
the next pack. A sequence longer than a pack loses its beginning, unless it may have a pack of its
own. Nothing is sorted, nothing is split, so the positions of the packs, one after the other, are
0, 1, 2, …

    packs = PackedShards("work/shards/nft", length=4096, encode=encode)
    for pack in packs:
        loss = model(**pack.model_inputs(device)).loss
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from tma_prep.errors import InputError, OptionError
from tma_prep.shards.loader import OrderedShards, State, rank_of
from tma_prep.shards.reader import Row
from tma_prep_schemas import POSITION

IGNORED = -100
"""A label that no loss counts, as PyTorch and transformers have it."""

TooLong = Literal["cut", "own"]
"""What becomes of a sequence longer than a pack: cut to its end, where the answer is, or whole in
one of its own, which is then longer."""

Encode = Callable[[Row], Mapping[str, Sequence[int]]]
"""A row to `input_ids` and, if not every token counts, `labels`."""

_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Tokens:
    """One row as tokens, at least one, and as many labels, not shifted; see `IGNORED`."""

    tma_position: int
    input_ids: Sequence[int]
    labels: Sequence[int]


@dataclass(frozen=True)
class Pack:
    """Sequences side by side, for attention that sees each of them alone.

    Attributes:
        input_ids: int64 [1, tokens].
        labels: int64 [1, tokens], not shifted. The first token of a sequence is `IGNORED`, as the
            token before it is another sequence's.
        position_ids: int64 [1, tokens], from 0 in each sequence.
        seq_lengths: int64 [sequences].
        cu_seqlens: int32 [sequences + 1]: where each begins, and the end, as FlashAttention's
            functions for variable lengths take it.
        tma_position: int64 [sequences].
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    seq_lengths: torch.Tensor
    cu_seqlens: torch.Tensor
    tma_position: torch.Tensor

    def model_inputs(self, device: torch.device | str = "cpu") -> dict[str, Any]:
        """What a causal model of transformers takes to keep the sequences apart.

        It tells them apart by `position_ids`, but not while it keeps a cache, which is the default
        even in training.
        """
        names = ("input_ids", "labels", "position_ids")
        return {name: getattr(self, name).to(device) for name in names} | {"use_cache": False}


def pack(
    sequences: Iterable[Tokens], length: int, *, too_long: TooLong = "cut"
) -> Iterator[list[Tokens]]:
    """Fill packs of `length` tokens at most with these sequences, in order.

    Yields:
        The sequences of one pack, at least one.

    Raises:
        InputError: What a cut leaves of a sequence has no label that counts.
    """
    held: list[Tokens] = []
    tokens = 0
    for found in sequences:
        cut = too_long == "cut" and len(found.input_ids) > length
        one = _end_of(found, length) if cut else found
        if held and tokens + len(one.input_ids) > length:
            yield held
            held, tokens = [], 0
        held.append(one)
        tokens += len(one.input_ids)
    if held:
        yield held


def _end_of(whole: Tokens, length: int) -> Tokens:
    """The last tokens of a sequence.

    Raises:
        InputError: None of them has a label that counts.
    """
    end = Tokens(whole.tma_position, whole.input_ids[-length:], whole.labels[-length:])
    # Of a pack that holds no other, the loss would not be a number.
    if all(label == IGNORED for label in end.labels[1:]):
        raise InputError(
            f"the row of {POSITION} {whole.tma_position} has {len(whole.input_ids)} tokens, and no "
            f'label among the last {length}; pack with a greater length, or too_long="own"'
        )
    return end


def side_by_side(sequences: Sequence[Tokens]) -> Pack:
    """The tensors of a pack; of none, tensors without a token."""
    lengths = [len(one.input_ids) for one in sequences]

    def row(pieces: Iterable[Iterable[int]]) -> torch.Tensor:
        return torch.tensor([list(itertools.chain.from_iterable(pieces))], dtype=torch.int64)

    return Pack(
        input_ids=row(one.input_ids for one in sequences),
        labels=row([IGNORED, *one.labels[1:]] for one in sequences),
        position_ids=row(range(length) for length in lengths),
        seq_lengths=torch.tensor(lengths, dtype=torch.int64),
        cu_seqlens=torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32),
        tma_position=torch.tensor([one.tma_position for one in sequences], dtype=torch.int64),
    )


class PackedShards:
    """This rank's packs of an order: an iterable to be used as it is, without a DataLoader.

    Step s of R ranks is the packs s·R … s·R + R − 1 of the whole order, the r-th of them for rank
    r; after a resume, counted from there. Every rank encodes every row, in `num_workers` processes
    of its own, and makes the same packs; where that is too much, give rows that have `input_ids`.

    At the end fewer packs than ranks may be left. They are halved, the one with the most sequences
    first, until every rank has one. Only where fewer sequences than ranks are left do the last
    ranks get a pack without a token; they must still take part in the step.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        length: int,
        encode: Encode | None = None,
        too_long: TooLong = "cut",
        rank: int | None = None,
        world_size: int | None = None,
        columns: Sequence[str] | None = None,
        drop_last: bool = False,
        num_workers: int = 0,
    ) -> None:
        """Find the shards.

        Args:
            path: A folder of shards, `WORK/shards/NAME`.
            length: Most tokens of a pack.
            encode: Makes tokens of a row. By default the row has `input_ids`, and may have
                `labels`.
            too_long: What becomes of a row with more tokens: `cut` keeps its last ones, `own`
                keeps all in a longer pack of its own.
            rank: This process among those that share the packs; by default as for OrderedShards.
            world_size: How many they are; by default as for OrderedShards.
            columns: Columns to read, all of them if None.
            drop_last: Leave out what is left at the end for fewer ranks than there are.
            num_workers: Processes that read and encode ahead.

        Raises:
            OptionError: An option makes no sense.
            ArtifactError: There are no finished shards, or the first one is missing or damaged.
        """
        if length < 1 or too_long not in get_args(TooLong):
            raise OptionError(
                f"length={length}, too_long={too_long!r}: a pack has at least one token, and "
                f"too_long is one of {', '.join(get_args(TooLong))}"
            )
        self.rank, self.world_size = rank_of(rank, world_size)
        self._length, self._too_long = length, too_long
        self._drop_last, self._num_workers = drop_last, num_workers
        self._source = OrderedShards(
            path,
            batch_size=_ROWS_AT_ONCE,
            rank=0,
            world_size=1,
            columns=columns,
            transform=functools.partial(_encoded, encode),
        )
        self._start = self._next = 0

    def __iter__(self) -> Iterator[Pack]:
        """Packs of this rank, in order; as many as the other ranks have.

        Raises:
            InputError: A row has no tokens, or not as many labels, or none left once it is cut.
            TmaPrepError: As OrderedShards raises it.
        """
        start = self._start
        self._start, self._next = 0, start
        return self._packs(start)

    def _packs(self, start: int) -> Iterator[Pack]:
        self._source.start_at(start)
        sequences = itertools.chain.from_iterable(self._source.loader(self._num_workers))
        packs = pack(sequences, self._length, too_long=self._too_long)
        while step := list(itertools.islice(packs, self.world_size)):
            if len(step) < self.world_size and self._drop_last:
                return
            self._next = step[-1][-1].tma_position + 1
            yield side_by_side(_spread(step, self.world_size)[self.rank])

    def state_dict(self) -> State:
        """Where this iteration stands: after the step whose pack it gave last; on any rank."""
        return {**self._source.state_dict(), "next_position": self._next}

    def load_state_dict(self, state: State) -> None:
        """Let the next iteration go on from there, with any number of ranks and workers.

        Raises:
            OptionError: The state is of other shards.
        """
        self._start = self._next = self._source.position_of(state)


def _encoded(encode: Encode | None, rows: list[Row]) -> list[Tokens]:
    found = []
    for row in rows:
        tokens: Mapping[str, Any] = row if encode is None else encode(row)
        position = row[POSITION]
        assert isinstance(position, int)
        ids = tokens.get("input_ids", ())
        labels = tokens.get("labels", ids)
        if not len(ids) or len(labels) != len(ids):
            raise InputError(
                f"the row of {POSITION} {position} has {len(ids)} input_ids and {len(labels)} "
                "labels; encode must return at least one token, and as many labels or none"
            )
        found.append(Tokens(position, ids, labels))
    return found


def _spread(packs: list[list[Tokens]], ranks: int) -> list[list[Tokens]]:
    """The same sequences in the same order, in a pack for every rank."""
    packs = list(packs)
    while len(packs) < ranks:
        place = max(range(len(packs)), key=lambda number: len(packs[number]))
        half = -(-len(packs[place]) // 2)
        if half == len(packs[place]):
            return packs + [[]] * (ranks - len(packs))
        packs[place : place + 1] = [packs[place][:half], packs[place][half:]]
    return packs
