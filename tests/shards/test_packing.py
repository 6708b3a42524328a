"""Packs keep the order, and a model sees the sequences of a pack as if each came alone."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

import tma_prep
from tests.shards.made_shards import make_shards, rows_table
from tma_prep.errors import InputError, OptionError
from tma_prep.shards.packing import IGNORED, Pack, PackedShards, Tokens, pack, side_by_side
from tma_prep.shards.reader import Row

ROWS = 230  # More than three reads of the source.
LENGTH = 20


def made(lengths: Iterable[int]) -> list[Tokens]:
    """Sequences of these lengths, every token different."""
    fresh = itertools.count()
    sequences = []
    for position, length in enumerate(lengths):
        ids = list(itertools.islice(fresh, length))
        sequences.append(Tokens(position, ids, [1000 + token for token in ids]))
    return sequences


def next_fit(lengths: Sequence[int], most: int) -> list[list[int]]:
    """By definition: a pack is the longest run of sequences from where the last one ended."""
    packs, start = [], 0
    while start < len(lengths):
        fits = [
            stop
            for stop in range(start + 1, len(lengths) + 1)
            if sum(lengths[start:stop]) <= most or stop == start + 1
        ]
        packs.append(list(range(start, max(fits))))
        start = max(fits)
    return packs


@given(
    lengths=st.lists(st.integers(1, 14), max_size=30),
    most=st.integers(2, 20),
    too_long=st.sampled_from(["cut", "own"]),
)
def test_next_fit(lengths: list[int], most: int, too_long: Literal["cut", "own"]) -> None:
    """Against the definition; no token is lost but those that were to be cut."""
    sequences = made(lengths)
    packs = list(pack(sequences, most, too_long=too_long))
    kept = [min(length, most) if too_long == "cut" else length for length in lengths]
    assert [[one.tma_position for one in found] for found in packs] == next_fit(kept, most)
    for one in itertools.chain.from_iterable(packs):
        whole = sequences[one.tma_position]
        assert one.input_ids == whole.input_ids[-kept[one.tma_position] :]
        assert one.labels == whole.labels[-kept[one.tma_position] :]


def test_a_cut_keeps_the_answer() -> None:
    """The prompt's beginning goes; a row of which no label is left is named."""
    row = Tokens(7, [1, 2, 3, 4, 5], [IGNORED, IGNORED, IGNORED, 4, 5])
    found = side_by_side(next(pack([row], 3)))
    assert found.input_ids.tolist() == [[3, 4, 5]]
    assert found.labels.tolist() == [[IGNORED, 4, 5]]
    assert found.position_ids.tolist() == [[0, 1, 2]]
    row = Tokens(7, [1, 2, 3, 4, 5], [1, 2, 3, IGNORED, IGNORED])
    with pytest.raises(InputError, match="tma_position 7 has 5 tokens, and no label among the las"):
        next(pack([row], 3))
    assert next(pack([row], 3, too_long="own")) == [row]


def test_side_by_side() -> None:
    """Every tensor, by hand."""
    found = side_by_side(made([3, 1, 2]))
    assert found.input_ids.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert found.labels.tolist() == [[IGNORED, 1001, 1002, IGNORED, IGNORED, 1005]]
    assert found.position_ids.tolist() == [[0, 1, 2, 0, 0, 1]]
    assert found.seq_lengths.tolist() == [3, 1, 2]
    assert found.cu_seqlens.tolist() == [0, 3, 4, 6]
    assert found.cu_seqlens.dtype == torch.int32
    assert found.tma_position.tolist() == [0, 1, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards whose rows have `input_ids`."""
    return make_shards(tmp_path_factory.mktemp("packing") / "shards", ROWS, rows_per_shard=50)


def twice(row: Row) -> Mapping[str, Sequence[int]]:
    """An encoder for which only the odd ids count."""
    ids: Any = row["input_ids"]
    return {"input_ids": ids + ids, "labels": [i if i % 2 else IGNORED for i in ids + ids]}


def expected_packs(length: int) -> list[list[int]]:
    """Positions of all packs, one after the other."""
    lengths = [2 * len(ids) for ids in rows_table(ROWS).column("input_ids").to_pylist()]
    return next_fit(lengths, length)


def packs_of(folder: Path, rank: int = 0, ranks: int = 1, **options: Any) -> PackedShards:  # noqa: ANN401
    """Rows of up to 16 tokens in packs of 20."""
    return PackedShards(folder, length=LENGTH, encode=twice, rank=rank, world_size=ranks, **options)


def positions(packs: Iterable[Pack]) -> list[list[int]]:
    """What is in each."""
    return [found.tma_position.tolist() for found in packs]


def dealt(ranks: Sequence[Iterable[Pack]]) -> list[list[list[int]]]:
    """Positions of every step, by rank; all ranks have as many steps."""
    return [list(step) for step in zip(*map(positions, ranks), strict=True)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_packs_are_dealt_in_order(folder: Path, ranks: int, workers: int) -> None:
    """Pack p to rank p % R; in the last step the packs left are halved until each has one."""
    steps = dealt([packs_of(folder, rank, ranks, num_workers=workers) for rank in range(ranks)])
    packs = expected_packs(LENGTH)
    whole = len(packs) // ranks
    assert steps[:whole] == [packs[s * ranks : (s + 1) * ranks] for s in range(whole)]
    assert [p for step in steps for found in step for p in found] == list(range(ROWS))
    assert len(steps) == -(-len(packs) // ranks)


def test_the_last_step(tmp_path: Path) -> None:
    """Six sequences for four ranks; two sequences; and left out."""
    folder = make_shards(tmp_path / "six", 6)
    ranks = [packs_of(folder, r, 4) for r in range(4)]
    for found in ranks:
        found._length = 1000
    assert dealt(ranks) == [[[0, 1], [2], [3, 4], [5]]]
    folder = make_shards(tmp_path / "two", 2)
    ranks = [packs_of(folder, r, 4) for r in range(4)]
    assert dealt(ranks) == [[[0], [1], [], []]]
    assert next(iter(ranks[3])).input_ids.shape == (1, 0)
    assert dealt([packs_of(folder, r, 4, drop_last=True) for r in range(4)]) == []


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 3), (3, 1)], ids=str)
def test_resume_at_every_step(folder: Path, before: int, after: int) -> None:
    """The packs that follow are the same, whatever number of ranks takes them."""
    packs = expected_packs(LENGTH)
    steps = -(-len(packs) // before)
    for done in [*range(0, steps, 9), steps - 1, steps]:
        workers = 2 * (done == 9)
        stopped = packs_of(folder, before - 1, before, num_workers=workers)
        list(itertools.islice(stopped, done))
        ranks = [packs_of(folder, rank, after, num_workers=workers) for rank in range(after)]
        for one in ranks:
            one.load_state_dict(stopped.state_dict())
        found = [p for step in dealt(ranks) for p in step]
        rest = packs[done * before :]
        whole = max(0, len(rest) - after)
        assert found[:whole] == rest[:whole]
        assert list(itertools.chain(*found)) == list(itertools.chain(*rest))
        assert positions(packs_of(folder))[:3] == packs[:3]


def test_a_row_without_tokens_is_named(folder: Path) -> None:
    """It would be lost without a word."""
    packs = PackedShards(folder, length=8, encode=lambda row: {"input_ids": []})
    with pytest.raises(InputError, match="the row of tma_position 0 has 0 input_ids and 0 labels"):
        next(iter(packs))
    packs = PackedShards(folder, length=8, encode=lambda row: {"input_ids": [1], "labels": [1, 2]})
    with pytest.raises(InputError, match="1 input_ids and 2 labels; encode must return"):
        next(iter(packs))


def test_wrong_options(folder: Path) -> None:
    """Are refused."""
    with pytest.raises(OptionError, match="a pack has at least one token"):
        PackedShards(folder, length=0)
    wrong: Any = "split"
    with pytest.raises(OptionError, match="too_long is one of cut, own"):
        PackedShards(folder, length=8, too_long=wrong)


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def model(request: pytest.FixtureRequest) -> LlamaForCausalLM:
    """A random Llama of two layers."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,
    )
    assert config.use_cache  # The default, and what `model_inputs` must undo.
    make: Any = LlamaForCausalLM._from_config
    found = make(config, attn_implementation=request.param)
    assert isinstance(found, LlamaForCausalLM)
    return found.double()


def test_a_model_sees_each_sequence_alone(folder: Path, model: LlamaForCausalLM) -> None:
    """Logits of every token, and the loss, as of rows that are not packed."""
    packs = tma_prep.PackedShards(folder, length=3 * LENGTH, encode=twice)
    table = rows_table(ROWS).to_pylist()
    crowded = 0
    with torch.no_grad():
        for found in itertools.islice(packs, 12):
            together = model(**found.model_inputs())
            rows = [twice(table[position]) for position in found.tma_position.tolist()]
            alone = [
                model(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]]))
                for row in rows
            ]
            logits = torch.cat([one.logits[0] for one in alone])
            assert torch.allclose(together.logits[0], logits, atol=1e-5, rtol=0)
            counted = [sum(t != IGNORED for t in row["labels"][1:]) for row in rows]
            if sum(counted):
                sums = [float(o.loss) * n for o, n in zip(alone, counted, strict=True) if n]
                assert float(together.loss) == pytest.approx(sum(sums) / sum(counted), abs=1e-5)
            if len(rows) > 1:
                crowded += 1
                # The trap: with its default cache the model mixes the sequences, and says nothing.
                mixed = model(input_ids=found.input_ids, position_ids=found.position_ids)
                assert not torch.allclose(mixed.logits[0], logits, atol=1e-3)
    assert crowded > 5
