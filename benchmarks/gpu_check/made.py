"""Texts and an embedding model, made on the spot: no download, and the same in every run."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

WIDTH = 384
_WORDS = 20_000
_MEAN_OF_LOG, _SPREAD_OF_LOG = 4.4, 0.7
_PROMPT_WORDS, _RESPONSE_WORDS = 70, 12


def texts(count: int) -> list[str]:
    """Of words as frequent as in a language: some short, some longer than the model reads."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(_MEAN_OF_LOG, _SPREAD_OF_LOG, count).astype(int), 5, 1_000)
    pieces = np.split(_words(rng, lengths.sum()), np.cumsum(lengths)[:-1])
    return [" ".join(piece) for piece in pieces]


def exchanges(count: int) -> list[tuple[str, str]]:
    """Prompt and response of rows to train on, of some 90 and 15 tokens."""
    drawn = _words(np.random.default_rng(1), count * (_PROMPT_WORDS + _RESPONSE_WORDS))
    rows = drawn.reshape(count, -1)
    return [(" ".join(row[:_PROMPT_WORDS]), " ".join(row[_PROMPT_WORDS:])) for row in rows]


def _words(rng: np.random.Generator, count: int) -> NDArray[np.str_]:
    weights = 1 / np.arange(10, _WORDS + 10)
    words = np.array([f"w{word}" if word % 3 else f"word{word % 97}" for word in range(_WORDS)])
    return words[rng.choice(_WORDS, count, p=weights / weights.sum())]


def write_instances(path: Path, of: list[str]) -> None:
    """As JSON Lines that `tma-prep embed` takes."""
    rows = ({"prompt": text, "response": "a short answer"} for text in of)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def minilm_of_random_weights(folder: Path, words: list[str]) -> Path:
    """A model shaped as all-MiniLM-L6-v2, with a tokenizer trained on these texts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel

    tokenizer = _tokenizer(words)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        bert = BertModel(
            BertConfig(
                vocab_size=30_522,
                hidden_size=WIDTH,
                num_hidden_layers=6,
                num_attention_heads=12,
                intermediate_size=4 * WIDTH,
            )
        )
    bert.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")  # type: ignore[attr-defined]
    modules = [
        Transformer(str(folder / "bert"), max_seq_length=256),
        Pooling(WIDTH, "mean"),
        Normalize(),
    ]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


def _tokenizer(words: list[str]) -> object:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer()
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=4_000, special_tokens=special, show_progress=False
    )
    found.train_from_iterator(words, trainer)
    found.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, found.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=found,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
