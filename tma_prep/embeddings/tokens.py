"""Texts to token ids, each text tokenised once, and to batches of a number of tokens."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import DependencyError, OptionError

if TYPE_CHECKING:
    import torch
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

Truncate = Literal["text", "prompt"]
_LONGEST_PROBE = 2**17
"""Words of a text that shows how a model cuts what is too long."""


@dataclass(frozen=True)
class TokenLists:
    """Token ids of texts as a model reads them, prefix and special ones included.

    Attributes:
        flat: int32, the ids of all texts one after the other.
        offsets: int64, shape (texts + 1,): text i is `flat[offsets[i]:offsets[i + 1]]`.
    """

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Of each text."""
        return np.diff(self.offsets)

    def text(self, place: int) -> NDArray[np.int32]:
        """The ids of one text."""
        return self.flat[self.offsets[place] : self.offsets[place + 1]]

    @classmethod
    def join(cls, pieces: Sequence["TokenLists"]) -> "TokenLists":
        """All texts of several, in order."""
        lengths = [np.zeros(1, np.int64), *(piece.lengths for piece in pieces)]
        flat = [np.empty(0, np.int32), *(piece.flat for piece in pieces)]
        return cls(np.concatenate(flat), np.cumsum(np.concatenate(lengths)))


@dataclass(frozen=True)
class Tokenised:
    """Texts, tokenised; one entry a text.

    Attributes:
        ids: What the model reads.
        tokens: int64, of the whole text, special ones and the prefix not counted.
        read: int64, how many of them the model reads.
        response_cut: bool, whether there was a response and none of it is read.
    """

    ids: TokenLists
    tokens: NDArray[np.int64]
    read: NDArray[np.int64]
    response_cut: NDArray[np.bool_]


def token_batches(lengths: NDArray[np.int64], *, most_tokens: int) -> list[NDArray[np.int64]]:
    """Cut texts, longest first, into batches of texts of like length.

    A function of the lengths alone, so that the same window always makes the same batches.

    Args:
        lengths: Tokens of each text, special ones included.
        most_tokens: Tokens of a batch, padding included; a longer text is a batch of its own.

    Returns:
        Places of the texts of each batch; each batch begins with its longest text.
    """
    by_length = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(by_length):
        longest = max(1, int(lengths[by_length[start]]))
        stop = start + max(1, most_tokens // longest)
        batches.append(by_length[start:stop])
        start = stop
    return batches


class TokenReader:
    """A tokenizer, and the length it may fill; used by several threads at once."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase | Tokenizer",
        *,
        max_length: int,
        prefix: str,
        truncate: Truncate,
        own_ids: Callable[[str, str], list[int]] | None = None,
    ) -> None:
        """Take a copy of the tokenizer that neither pads nor cuts.

        Args:
            tokenizer: Of the model, bare where that looks up static embeddings.
            max_length: Tokens that it reads of a text, special ones included.
            prefix: Put before every text.
            truncate: What gives way in a long text.
            own_ids: How the model itself reads prompt and response, prefix included; asked for
                every text if it does more than to put special tokens around one and to cut its
                end, as a chat template does.

        Raises:
            DependencyError: It is none of the `tokenizers` library.
            OptionError: The prefix leaves no room for a text.
        """
        from tokenizers import Tokenizer

        backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if not isinstance(backend, Tokenizer):
            raise DependencyError(
                f"the model's tokenizer ({type(tokenizer).__name__}) is none of the tokenizers "
                "library; save the model with a fast tokenizer (a tokenizer.json)"
            )
        self._tokenizer: Tokenizer = Tokenizer.from_str(backend.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._is_bare = isinstance(tokenizer, Tokenizer)
        self._pad_id = int(getattr(tokenizer, "pad_token_id", None) or 0)
        self._pad_left = getattr(tokenizer, "padding_side", "right") == "left"
        self._has_types = "token_type_ids" in getattr(tokenizer, "model_input_names", ())
        self._prefix = prefix
        self._truncate = truncate
        framed = self._tokenizer.encode("a")
        inside = [place for place, special in enumerate(framed.special_tokens_mask) if not special]
        self._before, self._after = framed.ids[: inside[0]], framed.ids[inside[-1] + 1 :]
        self._prefix_tokens = len(self._tokenizer.encode(prefix, add_special_tokens=False))
        self._room = max_length - len(self._before) - len(self._after)
        self._own_ids = None
        if own_ids is not None and self._differs(own_ids, max_length):
            self._own_ids = own_ids
            self._room = max_length - len(own_ids("", "")) + self._prefix_tokens
        if self._prefix_tokens >= self._room:
            raise OptionError(
                f"the prefix has {self._prefix_tokens} tokens, and --max-length {max_length} "
                f"leaves {self._room}, none for a text; shorten one or raise the other"
            )

    @property
    def shortest(self) -> TokenLists:
        """One text, empty."""
        ids = self._own_ids("", "") if self._own_ids else [*self._before, *self._after]
        ids = ids or [self._pad_id]
        return TokenLists(np.array(ids, np.int32), np.array([0, len(ids)]))

    def read(self, texts: Sequence[tuple[str, str]]) -> Tokenised:
        """Tokenise texts, each in two pieces, prompt and response."""
        texts = list(texts)
        encodings = self._tokenizer.encode_batch(
            [self._prefix + prompt + response for prompt, response in texts],
            add_special_tokens=False,
        )
        tokens = np.array([len(found) for found in encodings], dtype=np.int64).reshape(-1)
        # The end of a prefix may form one token with the beginning of a text.
        tokens = np.maximum(tokens - self._prefix_tokens, 0)
        response_cut = np.zeros(len(texts), dtype=np.bool_)
        for place in np.flatnonzero(tokens + self._prefix_tokens > self._room).tolist():
            prompt, response = texts[place]
            if self._truncate == "prompt":
                prompt = self._shortened(prompt, response)
                texts[place] = prompt, response
                encodings[place] = self._tokenizer.encode(
                    self._prefix + prompt + response, add_special_tokens=False
                )
            before_response = len(self._prefix) + len(prompt)
            response_cut[place] = bool(response) and (
                _end_of(encodings[place], self._room) <= before_response
            )
        if self._own_ids:
            ids = [self._own_ids(prompt, response) for prompt, response in texts]
        else:
            ids = [[*self._before, *found.ids[: self._room], *self._after] for found in encodings]
        return Tokenised(
            ids=TokenLists(
                np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int32),
                np.cumsum([0, *map(len, ids)]),
            ),
            tokens=tokens,
            read=np.minimum(tokens, self._room - self._prefix_tokens),
            response_cut=response_cut,
        )

    def padded(self, ids: Sequence[NDArray[np.int32]], device: str) -> "dict[str, torch.Tensor]":
        """A batch as sentence-transformers takes it."""
        import torch

        if self._is_bare:
            starts = np.cumsum([0, *map(len, ids[:-1])])
            arrays = {"input_ids": np.concatenate(ids).astype(np.int64), "offsets": starts}
        else:
            longest = max(len(found) for found in ids)
            inputs = np.full((len(ids), longest), self._pad_id, dtype=np.int64)
            mask = np.zeros((len(ids), longest), dtype=np.int64)
            for row, found in enumerate(ids):
                here = slice(longest - len(found), None) if self._pad_left else slice(len(found))
                inputs[row, here] = found
                mask[row, here] = 1
            arrays = {"input_ids": inputs, "attention_mask": mask}
            if self._has_types:
                arrays["token_type_ids"] = np.zeros_like(inputs)
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}

    def _differs(self, own_ids: Callable[[str, str], list[int]], max_length: int) -> bool:
        """Whether the model reads a short text or one that is too long in another way."""
        words = min(max_length, _LONGEST_PROBE)
        probes = ["a", "a " * words + "b " * words]
        ours = self.read([(text, "") for text in probes]).ids
        return any(ours.text(k).tolist() != own_ids(text, "") for k, text in enumerate(probes))

    def _shortened(self, prompt: str, response: str) -> str:
        """The beginning of the prompt that leaves room for the response, at least one token."""
        length = len(self._tokenizer.encode(response, add_special_tokens=False))
        room = max(1, self._room - self._prefix_tokens - length)
        found = self._tokenizer.encode(prompt, add_special_tokens=False)
        return prompt[: _end_of(found, room)] if len(found) > room else prompt


def _end_of(encoding: "Encoding", tokens: int) -> int:
    """Where in the text the first so many tokens end, in characters."""
    found = encoding.token_to_chars(min(tokens, len(encoding)) - 1)
    return 0 if found is None else int(found[1])
