"""`tma-prep embed` on the card against the same on the CPU."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu_check.made import texts, write_instances
from benchmarks.gpu_check.report import Line, check, measured
from benchmarks.gpu_check.sizes import Sizes
from benchmarks.vectors import open_store
from tma_prep.device import Dtype
from tma_prep.embeddings import embed
from tma_prep.options import EmbedOptions

_LEAST_COSINE: dict[Dtype, float] = {"float32": 1 - 1e-6, "bfloat16": 0.9998, "float16": 0.99999}
"""On a CPU, 35,686 rows in bfloat16 came to 0.99988 with all-MiniLM-L6-v2."""


def run(folder: Path, model: str, device: str, sizes: Sizes) -> Iterator[Line]:
    """Vectors of every dtype beside float32 on the CPU, and rows a second of the whole command."""
    made = texts(sizes.texts)
    write_instances(folder / "few.jsonl", made[: sizes.cpu_texts])
    write_instances(folder / "all.jsonl", made)
    expected, seconds = _embedded(folder, "cpu", model, "cpu", "float32", "few")
    yield _speed("CPU, float32", sizes.cpu_texts, seconds)
    for dtype in sizes.dtypes:
        found, seconds = _embedded(folder, f"all-{dtype}", model, device, dtype, "all")
        yield _compared(dtype, found, expected, _LEAST_COSINE[dtype])
        yield _speed(f"{device}, {dtype}", len(found), seconds)
        few, _ = _embedded(folder, f"few-{dtype}", model, device, dtype, "few")
        yield _in_other_batches(dtype, few, found)
        again, _ = _embedded(folder, f"again-{dtype}", model, device, dtype, "few")
        same = np.array_equal(few, again)
        what = f"embed twice, {len(few):,} rows, {dtype}"
        yield check(what, "the same bits" if same else "other bits", same, "the same bits")


def _embedded(
    folder: Path, name: str, model: str, device: str, dtype: Dtype, rows: str
) -> tuple[NDArray[np.float32], float]:
    """Vectors of a file's rows, and the seconds they took once the model was loaded."""
    work = folder / f"embedded-{name}"
    options = EmbedOptions(
        train=[str(folder / f"{rows}.jsonl")],
        test=[str(folder / "few.jsonl")],
        out=work,
        model=model,
        device=device,
        dtype=dtype,
    )
    # The test side comes first, so the timed one finds the kernels loaded.
    seconds = embed(options).seconds["train"]
    return np.concatenate(list(open_store(work, "train").slices())), seconds


def _compared(
    dtype: Dtype, found: NDArray[np.float32], expected: NDArray[np.float32], least: float
) -> Line:
    cosines = np.einsum("rd,rd->r", found[: len(expected)], expected, dtype=np.float64)
    return check(
        f"embed in {dtype} against the CPU's float32, least cosine of {len(expected):,} rows",
        f"1 − {1 - cosines.min():.1e} (mean 1 − {1 - cosines.mean():.1e})",
        bool(cosines.min() >= least),
        f"≥ 1 − {1 - least:.0e}",
        least_cosine=float(cosines.min()),
        mean_cosine=float(cosines.mean()),
    )


def _in_other_batches(dtype: Dtype, few: NDArray[np.float32], found: NDArray[np.float32]) -> Line:
    """What a text's company in a batch does to its vector."""
    same = int((few == found[: len(few)]).all(axis=1).sum())
    least = float(np.einsum("rd,rd->r", few, found[: len(few)], dtype=np.float64).min())
    return measured(
        f"the same texts in other batches, {dtype}",
        f"{same:,} of {len(few):,} have the same bits, least cosine 1 − {1 - least:.1e}",
        same=same,
        least_cosine=least,
    )


def _speed(where: str, rows: int, seconds: float) -> Line:
    return measured(
        f"embed, whole command, {rows:,} rows, {where}",
        f"{rows / seconds:,.0f} rows/s",
        rows_per_second=rows / seconds,
    )
