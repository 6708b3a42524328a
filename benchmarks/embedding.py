"""Embedding 2,000 texts against sentence-transformers' own `encode`, and what is not the model.

A file `pool.parquet` in `--folder`, with the columns `prompt` and `response`, is sampled; without
one, texts are made of words as frequent as in a language, some short and some beyond the model.
"""

import functools
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from benchmarks.measure import Figure, interleaved, main, say, timed, tma_prep
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import DEFAULT_MODEL, resolve_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_FULL, _SMALL = 2_000, 200
_REPEATS = 3
_BATCH_SIZES = (8, 16, 32, 64)
_WORDS = 20_000


def sample(folder: Path, rows: int) -> pl.DataFrame:
    """Random rows of the pool in the folder, or made ones."""
    path = folder / "pool.parquet"
    if path.is_file():
        return pl.read_parquet(path, columns=["prompt", "response"]).sample(rows, seed=0)
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(10, _WORDS + 10)
    lengths = np.clip(rng.lognormal(4.6, 0.8, rows).astype(int), 5, 2_000)
    words = [f"w{word}" if word % 3 else f"word{word % 97}" for word in range(_WORDS)]
    texts = [
        " ".join(words[word] for word in rng.choice(_WORDS, length, p=weights / weights.sum()))
        for length in lengths
    ]
    return pl.DataFrame({"prompt": texts, "response": ["a short answer"] * rows})


def encode_with(model: "SentenceTransformer", texts: list[str], batch_size: int) -> np.ndarray:
    """Plain sentence-transformers."""
    return np.asarray(model.encode(texts, batch_size=batch_size, show_progress_bar=False))


def run(folder: Path, full: bool) -> list[Figure]:
    """The figures of this file."""
    import torch
    from sentence_transformers import SentenceTransformer

    rows = _FULL if full else _SMALL
    frame = sample(folder, rows)
    here = folder / f"embedding-{rows}"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    frame.write_ndjson(here / "train.jsonl")
    frame.head(2).write_ndjson(here / "test.jsonl")
    texts = [f"{prompt} {response}" for prompt, response in frame.iter_rows()]
    model = resolve_model(DEFAULT_MODEL)
    encoder = Encoder(EncoderSettings(model))
    plain = SentenceTransformer(model.location, device=encoder.device)
    same = SentenceTransformer(
        model.location,
        device=encoder.device,
        model_kwargs={"dtype": getattr(torch, encoder.dtype)},
    )
    say("looking for the best batch size of encode in the same dtype")
    few = texts[: max(100, rows // 4)]
    spent = {
        size: timed(functools.partial(encode_with, same, few, size))[1] for size in _BATCH_SIZES
    }
    best = min(spent, key=lambda size: spent[size].seconds)
    tokens = encoder.tokenised([(text, "") for text in texts])
    ours: list[float] = []

    def command() -> None:
        shutil.rmtree(here / "work", ignore_errors=True)
        given = ("--train", here / "train.jsonl", "--test", here / "test.jsonl")
        told = tma_prep("embed", *given, "--out", here / "work")
        ours.append(float(told["seconds"]["train"]))

    say(f"embedding {rows:,} texts in four ways, {_REPEATS} times in turn")
    times = interleaved(
        {
            "float32": lambda: timed(lambda: encode_with(plain, texts, 32))[1],
            "same": lambda: timed(lambda: encode_with(same, texts, best))[1],
            "ours": lambda: timed(command)[1],
            "forward": lambda: timed(lambda: encoder.vectors(tokens.ids))[1],
        },
        _REPEATS,
    )
    seconds = sorted(ours)[_REPEATS // 2]
    again = time.perf_counter()
    subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "tma_prep_cli", "embed", "--train", here / "train.jsonl"),
            *("--test", here / "test.jsonl", "--out", here / "work", "--json"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    again = time.perf_counter() - again
    forward = times["forward"].seconds
    size = f"{rows:,} texts"
    return [
        Figure(
            f"texts a second against encode in float32, batch size 32, {size}",
            "3",
            "4.5",
            f"{times['float32'].seconds / seconds:.2f}: {rows / seconds:.0f} a second in "
            f"{encoder.dtype} / {rows / times['float32'].seconds:.0f}",
        ),
        Figure(
            f"both in {encoder.dtype}, encode at its best batch size ({best})",
            "1.15",
            "1.5",
            f"{times['same'].seconds / seconds:.2f}: {rows / seconds:.0f} / "
            f"{rows / times['same'].seconds:.0f} a second",
        ),
        Figure(
            "all but the model's forward pass, of the time",
            "5 %",
            "2 %",
            f"{1 - forward / seconds:.1%}: {seconds:.2f} s, forward alone {forward:.2f} s",
        ),
        Figure(f"embed again, all done, {size}", "3 s", "1 s", f"{again:.2f} s"),
    ]


if __name__ == "__main__":
    main("Embedding against sentence-transformers.", run)
