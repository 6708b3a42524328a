"""Reading shards in order, the tokenizer, encoding and padding."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tma_prep.checks.data import (
    END_TOKEN,
    KEPT_PROMPT_TOKENS,
    PAD_TOKEN,
    Example,
    collate,
    encode,
    encode_tests,
    read_shards,
    train_tokenizer,
)
from tma_prep.errors import ArtifactError, InputError, OptionError, OrderError


def _write(folder: Path, *files: Sequence[int | None]) -> list[str]:
    names = []
    for number, positions in enumerate(files):
        names.append(f"part-{number}.parquet")
        table = pa.table(
            {
                "prompt": [f"row {position}" for position in positions],
                "tma_position": pa.array(positions, pa.int64()),
            }
        )
        pq.write_table(table, folder / names[-1], row_group_size=2)
    return names


def test_rows_come_in_order_across_files(tmp_path: Path) -> None:
    """Every column of every row comes, file after file, more rows than one read holds."""
    names = _write(tmp_path, range(0, 600), [], range(600, 603))
    rows = list(read_shards(tmp_path, names))
    assert [row["tma_position"] for row in rows] == list(range(603))
    assert rows[601]["prompt"] == "row 601"


@pytest.mark.parametrize(
    ("files", "bad_file", "expected", "found"),
    [
        ([[0, 1, 2], [4, 3]], "part-1.parquet", 3, 4),
        ([[0, 1], [3, 4]], "part-1.parquet", 2, 3),
        ([[0, 1], [1, 2]], "part-1.parquet", 2, 1),
        ([[1, 2]], "part-0.parquet", 0, 1),
        ([[0, None]], "part-0.parquet", 1, None),
    ],
    ids=["swapped", "missing", "twice", "late start", "null"],
)
def test_a_wrong_position_stops_the_reading(
    tmp_path: Path,
    files: list[list[int | None]],
    bad_file: str,
    expected: int,
    found: int | None,
) -> None:
    """The rows before it come; the message names file, expected and found."""
    rows = read_shards(tmp_path, _write(tmp_path, *files))
    good = list(islice(rows, expected))
    assert [row["tma_position"] for row in good] == list(range(expected))
    with pytest.raises(OrderError) as caught:
        next(rows)
    assert bad_file in str(caught.value)
    assert f"tma_position {expected} was expected and {found} found" in str(caught.value)


def test_files_in_the_wrong_order_are_noticed(tmp_path: Path) -> None:
    """The order of the names is part of the order of the rows."""
    names = _write(tmp_path, [0, 1], [2, 3])
    with pytest.raises(OrderError, match="tma_position 0 was expected and 2 found"):
        list(read_shards(tmp_path, names[::-1]))


def test_a_shard_without_positions_is_refused(tmp_path: Path) -> None:
    """A file that someone rewrote without the column cannot be trusted to be in order."""
    pq.write_table(pa.table({"prompt": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(OrderError, match="0 was expected and None found"):
        list(read_shards(tmp_path, ["a.parquet"]))


def test_missing_and_broken_shards_are_named(tmp_path: Path) -> None:
    """Neither passes for the end of the data."""
    with pytest.raises(ArtifactError, match=r"gone\.parquet"):
        list(read_shards(tmp_path, ["gone.parquet"]))
    [name] = _write(tmp_path, range(10))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-20])
    with pytest.raises(ArtifactError, match=r"part-0\.parquet: cannot be read"):
        list(read_shards(tmp_path, [name]))


def test_the_tokenizer_is_a_function_of_its_texts() -> None:
    """Two trainings give the same tokens, and the vocabulary has the size asked for."""
    texts = [f"the cat number {n} sat on mat {n * 7}" for n in range(100)]
    one, two = train_tokenizer(texts, 280), train_tokenizer(iter(texts), 280)
    assert one.backend_tokenizer.to_str() == two.backend_tokenizer.to_str()
    assert len(one) == 280
    assert (one.pad_token, one.eos_token) == (PAD_TOKEN, END_TOKEN)
    assert one.pad_token_id != one.eos_token_id


def test_a_vocabulary_smaller_than_the_bytes_is_refused() -> None:
    """The message says what the least is."""
    with pytest.raises(OptionError, match="ask for 258 or more"):
        train_tokenizer(["a"], 257)


@given(text=st.text(max_size=40))
def test_any_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    """Byte-level: nothing is unknown, and decoding gives the text back."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_special_tokens_spelled_in_a_text_are_text(tokenizer: PreTrainedTokenizerFast) -> None:
    """A row cannot end itself early."""
    example = encode(tokenizer, (f"say {END_TOKEN}", f"{END_TOKEN}{PAD_TOKEN}"), 160)
    assert example.ids.count(tokenizer.eos_token_id) == 1
    assert tokenizer.pad_token_id not in example.ids


def test_a_short_row_is_prompt_space_response_end(tokenizer: PreTrainedTokenizerFast) -> None:
    """Only the response and the end of sequence count."""
    example = encode(tokenizer, ("What is 1?", "One."), 160)
    assert tokenizer.decode(example.ids[: example.response_start]) == "What is 1?"
    assert tokenizer.decode(example.ids[example.response_start : -1]) == " One."
    assert example.ids[-1] == tokenizer.eos_token_id
    assert example.response_tokens == len(example.ids) - example.response_start


@given(
    prompt=st.text(min_size=1, max_size=60),
    response=st.text(max_size=60),
    max_tokens=st.integers(KEPT_PROMPT_TOKENS + 2, 80),
)
def test_truncation(
    tokenizer: PreTrainedTokenizerFast, prompt: str, response: str, max_tokens: int
) -> None:
    """The response stays whole if it can, then loses its end; the prompt keeps its last tokens."""
    whole = encode(tokenizer, (prompt, response), 10_000)
    cut = encode(tokenizer, (prompt, response), max_tokens)
    prompt_ids, answer = whole.ids[: whole.response_start], whole.ids[whole.response_start :]
    assert len(cut.ids) == min(len(whole.ids), max_tokens)
    assert 1 <= cut.response_start <= len(cut.ids)
    if not response:
        assert cut.response_tokens == 0
        assert cut.ids[-1] == tokenizer.eos_token_id
        return
    kept_prompt, kept_answer = cut.ids[: cut.response_start], cut.ids[cut.response_start :]
    assert prompt_ids[-len(kept_prompt) :] == kept_prompt
    assert answer[: len(kept_answer)] == kept_answer
    assert len(kept_prompt) >= min(len(prompt_ids), KEPT_PROMPT_TOKENS)
    if len(kept_answer) < len(answer):
        assert len(kept_prompt) == min(len(prompt_ids), KEPT_PROMPT_TOKENS)


def test_what_cannot_be_encoded_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    """Too few tokens, or nothing to predict the first response token from."""
    with pytest.raises(OptionError, match="ask for 10 or more"):
        encode(tokenizer, ("a", "b"), KEPT_PROMPT_TOKENS + 1)
    with pytest.raises(InputError, match="prompt is empty"):
        encode(tokenizer, ("", ""), 160)


def test_a_conversation(tokenizer: PreTrainedTokenizerFast) -> None:
    """Answers and their ends count; what is said between them is read and does not."""
    turns = ("What is 1?", "One.", "And what is 2?", "Two.")
    example = encode(tokenizer, turns, 160)
    assert tokenizer.decode(example.ids) == (
        f"What is 1? One.{END_TOKEN} And what is 2? Two.{END_TOKEN}"
    )
    counted = tokenizer.decode([example.ids[place] for place in example.counted])
    assert counted == f" One.{END_TOKEN} Two.{END_TOKEN}"
    assert example.response_tokens == len(example.counted)
    batch = collate([example], 0, torch.device("cpu"))
    assert batch.targets.tolist() == [example.ids[place] for place in example.counted]
    assert batch.predictors.tolist() == [place - 1 for place in example.counted]
    first = encode(tokenizer, turns[:2], 160)
    assert first.ids == example.ids[: len(first.ids)]


def test_running_text(tokenizer: PreTrainedTokenizerFast) -> None:
    """All of it counts but the first token, which nothing predicts."""
    example = encode(tokenizer, ("", "What is 1?"), 160)
    assert tokenizer.decode(example.ids) == f"What is 1?{END_TOKEN}"
    assert example.counted == list(range(1, len(example.ids)))


def test_test_rows_without_a_response_are_told_apart(tokenizer: PreTrainedTokenizerFast) -> None:
    """They keep their numbers; a test side of nothing else is refused."""
    rows = [(0, "t", ("a", "b")), (1, None, ("a", "")), (2, None, ("a", "c"))]
    tests = encode_tests(tokenizer, rows, 160)
    assert [test.test_row for test in tests.scored] == [0, 2]
    assert [test.task for test in tests.scored] == ["t", None]
    assert tests.unscored_rows == [1]
    with pytest.raises(InputError, match="no test row has a response"):
        encode_tests(tokenizer, rows[1:2], 160)


def test_collate_pads_on_the_right() -> None:
    """Predictors point one place before each token that counts."""
    batch = collate(
        [Example([5, 6, 7], 1), Example([8, 9], 2), Example([3, 4], 1)], 0, torch.device("cpu")
    )
    assert batch.input_ids.tolist() == [[5, 6, 7], [8, 9, 0], [3, 4, 0]]
    assert batch.predictors.tolist() == [0, 1, 6]
    assert batch.targets.tolist() == [6, 7, 4]
    assert batch.tokens_a_row == [2, 0, 1]
