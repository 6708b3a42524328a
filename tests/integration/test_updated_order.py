"""After an update of the pool, `arrange` makes the order anew and says how far it moved."""

import json
from pathlib import Path

import pytest

from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError
from tma_prep.options import ArrangeOptions, EmbedOptions

pytestmark = pytest.mark.slow


def write(path: Path, numbers: range) -> None:
    """One row a number."""
    words = ("red", "green", "blue", "sheep", "goats", "rivers", "stones")
    rows = [
        {"prompt": f"Count {number} {words[number % 7]}.", "response": words[number % 5]}
        for number in numbers
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def test_the_order_follows_the_pool(tmp_path: Path) -> None:
    """No --overwrite is needed for what is merely out of date; another option still needs it."""
    train, test, work = tmp_path / "train.jsonl", tmp_path / "test.jsonl", tmp_path / "work"
    write(train, range(100))
    write(test, range(500, 510))
    options = EmbedOptions(train=[str(train)], test=[str(test)], out=work, update=True)
    embed(options)
    first = arrange(ArrangeOptions(work=work, orders=["nft", "rt"]))
    assert all(order.change is None for order in first.orders)
    write(train, range(20, 130))
    result = embed(options)
    assert (result.train.embedded_texts, result.train.stayed_texts) == (30, 80)
    with pytest.raises(ArtifactError, match="seed was 0, now 1"):
        arrange(ArrangeOptions(work=work, orders=["nft"], seed=1))
    found = arrange(ArrangeOptions(work=work, orders=["nft", "rt"]))
    change = found.orders[0].change
    assert change is not None and change.kendall_tau is not None
    assert (change.rows_in_both, change.rows_only_before, change.rows_only_after) == (80, 20, 30)
    assert 0.5 < change.kendall_tau < 1
    assert found.orders[0].rows == 110 and not found.orders[0].kept
    assert arrange(ArrangeOptions(work=work, orders=["nft", "rt"])).orders[0].kept
