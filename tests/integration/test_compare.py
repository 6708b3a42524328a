"""Two workspaces over one pool, or over pools that share rows, against pairs counted by hand."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError
from tma_prep.explain.compare_workspaces import CompareResult, compare
from tma_prep.options import ArrangeOptions, CompareOptions, EmbedOptions
from tma_prep.workspace import Workspace


def vector(text: str, dimension: int) -> list[float]:
    """One vector a text, another in every dimension."""
    draw = np.random.default_rng([*text.encode(), dimension])
    return [float(each) for each in draw.standard_normal(dimension)]


def make(
    root: Path,
    prompts: Iterable[str],
    *,
    dimension: int = 4,
    text: str = "both",
    tasks: bool = True,
) -> Path:
    """A workspace of these rows, in this order, arranged nearest first and at random."""
    root.mkdir()
    both = {"train": list(prompts), "test": ["x", "y", "z"]}
    for side, names in both.items():
        rows = [
            {
                "prompt": name,
                "response": "r",
                **({"task": f"t{len(name)}"} if tasks else {}),
                **{f"v{d}": vector(name, d) for d in (4, 8)},
            }
            for name in names
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (root / f"{side}.jsonl").write_text(lines, encoding="utf-8")
    options = {
        "train": [str(root / "train.jsonl")],
        "test": [str(root / "test.jsonl")],
        "out": root / "work",
        "vectors_column": f"v{dimension}",
        "text": text,
    }
    embed(EmbedOptions.model_validate(options))
    arrange(ArrangeOptions(work=root / "work", orders=["nft", "rt"], leakage="off"))
    return root / "work"


def run(a: Path, b: Path, *names: str) -> CompareResult:
    """Compare two workspaces."""
    return compare(CompareOptions(work_a=a, work_b=b, names=list(names)))


def order_of(work: Path, column: str) -> list[str]:
    """What names each row of `nft`, by position."""
    found: list[str] = pl.read_parquet(work / "orders" / "nft" / "order.parquet")[column].to_list()
    return found


def tau_of(first: list[str], second: list[str]) -> float:
    """Concordant pairs less discordant ones, of those in both."""
    both = [name for name in first if name in set(second)]
    pairs = list(itertools.combinations(both, 2))
    agree = sum(1 if second.index(a) < second.index(b) else -1 for a, b in pairs)
    return agree / len(pairs)


POOL = [f"{'row ' * (1 + n % 3)}{n}" for n in range(60)]


def test_one_pool_in_two_spaces(tmp_path: Path) -> None:
    """Matched by row number, even where texts are equal and where ids differ for another --text."""
    pool = [*POOL, *POOL[:9]]
    a = make(tmp_path / "a", pool)
    b = make(tmp_path / "b", pool, dimension=8, text="prompt")
    found = run(a, b)
    assert (found.matched_by, found.same_tests) == ("tma_row", True)
    assert found.different == {"text": ["both", "prompt"], "vectors-column": ["v4", "v8"]}
    nft, rt = found.orders
    assert (nft.name, rt.name) == ("nft", "rt")
    assert nft.comparison.rows_in_both == len(pool) and nft.comparison.rows_only_before == 0
    expected = tau_of(order_of(a, "tma_row"), order_of(b, "tma_row"))
    assert nft.comparison.kendall_tau == pytest.approx(expected) and -0.9 < expected < 0.9
    assert nft.kendall_tau_of_rounds is not None
    # The draw of `rt` does not see the vectors.
    assert rt.comparison.kendall_tau == pytest.approx(1)
    assert {move.task for move in nft.tasks} == {f"t{len(name)}" for name in pool}
    shares = pl.DataFrame(
        {"row": order_of(a, "tma_row"), "share": np.arange(len(pool)) / len(pool)}
    )
    task = nft.tasks[0]
    rows = [n for n, name in enumerate(pool) if f"t{len(name)}" == task.task]
    assert task.rows == len(rows)
    assert task.before == pytest.approx(shares.filter(pl.col("row").is_in(rows))["share"].mean())
    assert abs(task.change) == max(abs(move.change) for move in nft.tasks)
    back = run(b, a, "nft").orders[0]
    assert back.comparison.kendall_tau == pytest.approx(expected)


def test_pools_that_share_rows(tmp_path: Path) -> None:
    """Matched by text; a row of one of them alone moves nobody."""
    a = make(tmp_path / "a", POOL[:50])
    b = make(tmp_path / "b", POOL[::-1][:45], tasks=False)
    found = run(a, b, "nft")
    assert found.matched_by == "tma_id"
    comparison = found.orders[0].comparison
    counts = (comparison.rows_in_both, comparison.rows_only_before, comparison.rows_only_after)
    assert counts == (35, 15, 10)
    expected = tau_of(order_of(a, "tma_id"), order_of(b, "tma_id"))
    assert comparison.kendall_tau == pytest.approx(expected)
    assert found.orders[0].tasks and not run(b, a).orders[0].tasks


def test_nothing_in_common(tmp_path: Path) -> None:
    """No row, for the pool or for --text; no order of one name; no such order."""
    a = make(tmp_path / "a", POOL[:10])
    with pytest.raises(ArtifactError, match="no row of nft stands in both.*no text in common"):
        run(a, make(tmp_path / "b", POOL[10:20]))
    with pytest.raises(ArtifactError, match="no row of nft .*text is both against prompt"):
        run(a, make(tmp_path / "c", POOL[:11], text="prompt"))
    d = make(tmp_path / "d", POOL[:10])
    for name in ("nft", "rt"):
        (d / "orders" / name / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="hold no order of one name .nft, rt against none."):
        run(a, d)
    with pytest.raises(ArtifactError, match="holds no order nft; there are none"):
        run(a, d, "nft")


def test_what_is_out_of_date_or_damaged(tmp_path: Path) -> None:
    """Refused in one line."""
    a, b = make(tmp_path / "a", POOL), make(tmp_path / "b", POOL, dimension=8)
    path = Workspace(b).order("nft").folder / "order.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ArtifactError, match=r"order\.parquet: has \d+ bytes, not") as raised:
        run(a, b)
    assert "\n" not in str(raised.value)
    path.write_bytes(whole)
    manifest = Workspace(b).embeddings("train").folder / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(ArtifactError, match="made from other embeddings/train than the workspa"):
        run(a, b)
