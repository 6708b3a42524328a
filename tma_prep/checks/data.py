"""From shards to token batches: rows in their order, the tokenizer, encoding and padding."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.errors import ArtifactError, InputError, OptionError, OrderError
from tma_prep.tables import UNREADABLE, unreadable
from tma_prep.values import rows_of
from tma_prep_schemas import POSITION

PAD_TOKEN = "<|pad|>"
END_TOKEN = "<|end|>"

KEPT_PROMPT_TOKENS = 8
"""A long response leaves this many tokens of the prompt: enough to say what is asked last."""

SMALLEST_VOCABULARY = 256 + 2
"""Every byte and the two special tokens."""

_ROWS_A_READ = 256


def read_shards(folder: Path, shard_names: Sequence[str]) -> Iterator[dict[str, object]]:
    """Stream the rows of shards as an outside trainer would: file by file, from the top.

    At most one row group is held at a time.

    Args:
        folder: Where the shards lie.
        shard_names: Parquet file names, in the order of the manifest.

    Yields:
        Every column of one row, by name. The `tma_position` of the k-th row is k.

    Raises:
        OrderError: A row's `tma_position` is not the next number.
        ArtifactError: A shard is missing or cannot be read.
    """
    expected = 0
    for name in shard_names:
        for row in _rows_of(folder / name):
            if row.get(POSITION) != expected:
                raise OrderError(
                    f"{folder / name}: {POSITION} {expected} was expected and "
                    f"{row.get(POSITION)} found; the rows are out of order: run arrange again"
                )
            yield row
            expected += 1


def _rows_of(shard: Path) -> Iterator[dict[str, object]]:
    try:
        with pq.ParquetFile(shard) as source:
            for batch in source.iter_batches(batch_size=_ROWS_A_READ):
                batch.validate(full=True)
                yield from rows_of(pa.Table.from_batches([batch]))
    except FileNotFoundError as error:
        raise ArtifactError(f"{shard}: the manifest names it, but it is gone") from error
    except UNREADABLE as error:
        raise unreadable(shard, error, ARRANGE_AGAIN) from error


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer: the same texts give the same tokenizer.

    Any text can be encoded. The names of the special tokens mean nothing inside a text.

    Args:
        texts: What to train on; read once, as a stream.
        vocab_size: Most tokens, with every byte and the two special ones; few texts give fewer.

    Raises:
        OptionError: `vocab_size` has no room for the bytes.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise OptionError(
            f"a vocabulary of {vocab_size} tokens has no room for every byte; "
            f"ask for {SMALLEST_VOCABULARY} or more"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[PAD_TOKEN, END_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return _fast(tokenizer)


def tokenizer_from_text(text: str) -> PreTrainedTokenizerFast:
    """The tokenizer that `train_tokenizer` made, from its `backend_tokenizer.to_str()`."""
    return _fast(Tokenizer.from_str(text))


def _fast(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        eos_token=END_TOKEN,
        # A user's text that spells "<|end|>" is text, not the end of a sequence.
        split_special_tokens=True,
    )


@dataclass(frozen=True)
class Example:
    """One row as tokens.

    Attributes:
        ids: Prompt, response, end of sequence; of a conversation every turn.
        response_start: Place in `ids` of the first token that counts towards the loss, at least
            1; `len(ids)` where none does.
        uncounted: Places after it that do not count: what others say between the answers.
    """

    ids: list[int]
    response_start: int
    uncounted: frozenset[int] = frozenset()

    @property
    def counted(self) -> list[int]:
        """Places in `ids` that count towards the loss: the responses and the ends of sequence."""
        places = range(self.response_start, len(self.ids))
        return [place for place in places if place not in self.uncounted]

    @property
    def response_tokens(self) -> int:
        """How many tokens count towards the loss."""
        return len(self.ids) - self.response_start - len(self.uncounted)


def encode(tokenizer: PreTrainedTokenizerFast, turns: Sequence[str], max_tokens: int) -> Example:
    """Encode one row.

    The prompt is encoded, then one space and the response, each on its own, so that the prompt's
    tokens do not depend on the response; then the end of sequence. In a conversation what is said
    next follows after one more space, and does not count. A row that is too long loses tokens from
    the left of its prompt, down to the last `KEPT_PROMPT_TOKENS`, then from the end of its
    responses: the end of sequence first, as a response that was cut does not end there. Where the
    tokenizer opens a text with a token of its own, that one stays first.

    An empty response has no token to learn or score: the row is the prompt and the end of
    sequence, and neither counts.

    Args:
        tokenizer: What `train_tokenizer` returned.
        turns: Prompt and response; of a conversation what stands before each answer, and it.
            Running text has an empty prompt.
        max_tokens: Most tokens of the row.

    Raises:
        OptionError: `max_tokens` leaves no room for a response.
        InputError: Prompt and response are empty.
    """
    if max_tokens < KEPT_PROMPT_TOKENS + 2:
        raise OptionError(
            f"{max_tokens} tokens a row leave no room for a response; "
            f"ask for {KEPT_PROMPT_TOKENS + 2} or more"
        )
    opening = _opening(tokenizer)
    room = max_tokens - len(opening)
    prompt_ids = tokenizer.encode(turns[0], add_special_tokens=False)
    if not any(turns[:2]):
        raise InputError("a prompt is empty; write one, or leave the row out")
    answers, counts = _answers(tokenizer, turns)
    if not any(counts):
        ids = opening + prompt_ids[-(room - 1) :] + [int(tokenizer.eos_token_id)]
        return Example(ids, len(ids))
    kept = room - min(len(prompt_ids), KEPT_PROMPT_TOKENS)
    answers, counts = answers[:kept], counts[:kept]
    prompt_ids = opening + prompt_ids[-(room - len(answers)) :] if prompt_ids else opening
    # The first token of all is predicted by none.
    start = max(1, len(prompt_ids))
    uncounted = [place for place, one in enumerate(counts, len(prompt_ids)) if not one]
    return Example(
        prompt_ids + answers, start, frozenset(place for place in uncounted if place >= start)
    )


def _answers(
    tokenizer: PreTrainedTokenizerFast, turns: Sequence[str]
) -> tuple[list[int], list[bool]]:
    """The tokens after the prompt, and whether each counts."""
    ids: list[int] = []
    counts: list[bool] = []
    for place, text in enumerate(turns[1:], 1):
        answered = place % 2 == 1
        space = " " if turns[0] or place > 1 else ""
        found = tokenizer.encode(f"{space}{text}", add_special_tokens=False) if text else []
        if answered:
            found.append(int(tokenizer.eos_token_id))
        ids += found
        counts += [answered and bool(text)] * len(found)
    return ids, counts


def _opening(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The token that the tokenizer puts before every text, if it has one."""
    first = tokenizer.bos_token_id
    if first is None or tokenizer.encode("a")[:1] != [first]:
        return []
    return [int(first)]


@dataclass(frozen=True)
class ScoredTest:
    """A test row with at least one response token.

    Attributes:
        test_row: Its number in the test input, from 0.
        task: Name of its task, if it has one.
        example: Its tokens.
    """

    test_row: int
    task: str | None
    example: Example


@dataclass(frozen=True)
class EncodedTests:
    """The test side as tokens.

    Attributes:
        scored: Rows with a response, in order; at least one.
        unscored_rows: Numbers of the rows without one.
    """

    scored: list[ScoredTest]
    unscored_rows: list[int]


def encode_tests(
    tokenizer: PreTrainedTokenizerFast,
    rows: Iterable[tuple[int, str | None, Sequence[str]]],
    max_tokens: int,
) -> EncodedTests:
    """Encode the test rows, once for all orders.

    Args:
        tokenizer: What `train_tokenizer` returned.
        rows: (test row, task, turns).
        max_tokens: Most tokens of a row.

    Raises:
        InputError: No test row has a response.
    """
    encoded = [
        ScoredTest(test_row, task, encode(tokenizer, turns, max_tokens))
        for test_row, task, turns in rows
    ]
    scored = [test for test in encoded if test.example.response_tokens]
    if not scored:
        raise InputError("no test row has a response, so there is no test loss; give some one")
    return EncodedTests(
        scored, [test.test_row for test in encoded if not test.example.response_tokens]
    )


@dataclass(frozen=True)
class TokenBatch:
    """Rows side by side, padded on the right to the longest.

    Attributes:
        input_ids: int64 [rows, longest].
        predictors: int64 [tokens]; for every token that counts, row by row, the place before it
            in `input_ids` as if that were flat: the state there predicts it.
        targets: int64 [tokens]; the tokens that count.
        tokens_a_row: How many of them each row has.
    """

    input_ids: torch.Tensor
    predictors: torch.Tensor
    targets: torch.Tensor
    tokens_a_row: list[int]


def collate(examples: Sequence[Example], pad_id: int, device: torch.device) -> TokenBatch:
    """Put rows side by side on a device.

    Args:
        examples: One or more rows, of any lengths.
        pad_id: What fills the right.
        device: Where the tensors are wanted.
    """
    longest = max(len(example.ids) for example in examples)
    padded = [example.ids + [pad_id] * (longest - len(example.ids)) for example in examples]
    predictors = [
        row * longest + place - 1
        for row, example in enumerate(examples)
        for place in example.counted
    ]
    targets = [example.ids[place] for example in examples for place in example.counted]
    return TokenBatch(
        input_ids=torch.tensor(padded, dtype=torch.int64, device=device),
        predictors=torch.tensor(predictors, dtype=torch.int64, device=device),
        targets=torch.tensor(targets, dtype=torch.int64, device=device),
        tokens_a_row=[example.response_tokens for example in examples],
    )
