"""Token ids are those of transformers' own call; what the length cuts away is counted."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.embeddings.model import resolve_model
from tma_prep.embeddings.tokens import Tokenised, TokenLists, TokenReader, Truncate
from tma_prep.errors import OptionError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.slow

ODD = [
    ("What is the capital of France?", " Paris"),
    ("a prompt alone", ""),
    ("", "a response alone"),
    ("", ""),
    ("🙂👩‍👩‍👧‍👦 你好 Grüße", " ﷽ e\u0301"),
    ("x" * 10_000, " y"),
    ("word " * 2_000, " yes"),
    ("short", " no" * 2_000),
    ("\x00\x01\t\r\n\x7f\u200b\ufeff", " \x1b[2J"),
    ("[CLS] [SEP] [PAD] [MASK]", " [UNK]"),
    (" \n ", " "),
]


@pytest.fixture(scope="module")
def tokenizer() -> "PreTrainedTokenizerBase":
    """Of the packaged all-MiniLM-L6-v2."""
    from transformers import AutoTokenizer

    load: Any = AutoTokenizer
    found: PreTrainedTokenizerBase = load.from_pretrained(
        resolve_model("all-MiniLM-L6-v2").location
    )
    return found


def read(
    tokenizer: "PreTrainedTokenizerBase",
    texts: list[tuple[str, str]],
    *,
    max_length: int = 16,
    prefix: str = "",
    truncate: Truncate = "text",
) -> Tokenised:
    """Tokenise some texts."""
    reader = TokenReader(tokenizer, max_length=max_length, prefix=prefix, truncate=truncate)
    return reader.read(texts)


def lists(found: TokenLists) -> list[list[int]]:
    """The ids of each text."""
    return [found.text(place).tolist() for place in range(len(found.lengths))]


@pytest.mark.parametrize("max_length", [8, 16, 256])
@pytest.mark.parametrize("prefix", ["", "query: "])
def test_ids_are_those_of_transformers(
    tokenizer: "PreTrainedTokenizerBase", max_length: int, prefix: str
) -> None:
    """On odd texts, special tokens included, cut where it cuts."""
    call: Any = tokenizer
    expected = call(
        [prefix + prompt + response for prompt, response in ODD],
        truncation=True,
        max_length=max_length,
    )["input_ids"]
    assert lists(read(tokenizer, ODD, max_length=max_length, prefix=prefix).ids) == expected


@settings(deadline=None, max_examples=50)
@given(
    texts=st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), max_size=4),
    max_length=st.integers(8, 30),
)
def test_any_text(
    tokenizer: "PreTrainedTokenizerBase", texts: list[tuple[str, str]], max_length: int
) -> None:
    """Ids, and the two counts, as transformers has them without a limit."""
    found = read(tokenizer, texts, max_length=max_length)
    call: Any = tokenizer
    for place, (prompt, response) in enumerate(texts):
        whole = call(prompt + response, add_special_tokens=False)["input_ids"]
        cut = call(prompt + response, truncation=True, max_length=max_length)["input_ids"]
        assert found.ids.text(place).tolist() == cut
        assert found.tokens[place] == len(whole)
        assert found.read[place] == min(len(whole), max_length - 2)


def test_truncation_is_counted_and_the_lost_responses_apart(
    tokenizer: "PreTrainedTokenizerBase",
) -> None:
    """A long prompt hides its response; a long response is cut but seen."""
    texts = [
        ("word " * 30, " yes"),  # 30 + 1 tokens of 14: the response is gone
        ("word " * 3, " yes" * 30),  # the response is seen in part
        ("short", " yes"),
        ("word " * 30, ""),  # there is no response to lose
        ("", " yes" * 30),
        ("word " * 14, " yes"),  # one token too many, and it is the response
        ("word " * 13, " yes"),
    ]
    found = read(tokenizer, texts)
    assert found.tokens.tolist() == [31, 33, 2, 30, 30, 15, 14]
    assert found.read.tolist() == [14, 14, 2, 14, 14, 14, 14]
    assert found.response_cut.tolist() == [True, False, False, False, False, True, False]


def test_truncating_the_prompt_keeps_the_response(tokenizer: "PreTrainedTokenizerBase") -> None:
    """The prompt loses its end, but for one token; of a response that is too long the end goes."""
    texts = [("one two " * 30, " yes no"), ("word more", " yes" * 30), ("short", " yes")]
    found = read(tokenizer, texts, truncate="prompt")
    call: Any = tokenizer
    expected = ["one two " * 6 + " yes no", "word" + " yes" * 13, "short yes"]
    assert lists(found.ids) == call(expected)["input_ids"]
    assert found.tokens.tolist() == [62, 32, 2]
    assert found.read.tolist() == [14, 14, 2]
    assert not found.response_cut.any()


def test_a_prefix_is_no_token_of_the_text(tokenizer: "PreTrainedTokenizerBase") -> None:
    """It takes room and is not counted, even where it grows together with the text."""
    found = read(tokenizer, [("word " * 30, " yes"), ("word", "")], prefix="query: ")
    assert (found.tokens.tolist(), found.read.tolist()) == ([31, 1], [12, 1])
    assert found.ids.lengths.tolist() == [16, 5]
    for truncate in ("text", "prompt"):
        joined = read(tokenizer, [("n", ""), ("", "")], prefix="transformatio", truncate=truncate)
        assert joined.tokens.min() >= 0 and joined.read.min() >= 0


def test_a_prefix_that_leaves_no_room_is_refused(tokenizer: "PreTrainedTokenizerBase") -> None:
    """With the numbers."""
    with pytest.raises(OptionError, match="prefix has 14 tokens, and --max-length 16 leaves 14"):
        read(tokenizer, [], prefix="a " * 14)
    assert read(tokenizer, [("b", "")], prefix="a " * 13).read.tolist() == [1]


def test_no_texts(tokenizer: "PreTrainedTokenizerBase") -> None:
    """As of a window whose texts are all known."""
    found = read(tokenizer, [])
    assert len(found.tokens) == len(found.read) == len(found.response_cut) == 0
    assert found.ids.lengths.tolist() == []


@given(pieces=st.lists(st.lists(st.lists(st.integers(0, 30_000), max_size=5), max_size=4)))
def test_joined_lists_are_all_texts_in_order(pieces: list[list[list[int]]]) -> None:
    """Empty texts and empty pieces too."""
    made = [
        TokenLists(
            np.array([token for text in piece for token in text], np.int32),
            np.cumsum([0, *map(len, piece)]),
        )
        for piece in pieces
    ]
    joined = TokenLists.join(made)
    assert lists(joined) == [text for piece in pieces for text in piece]
    assert joined.flat.dtype == np.int32 and joined.offsets.dtype == np.int64
