"""Orders, shards and exports are what they were when `orders.json` was recorded."""

import itertools
from typing import Any

import pyarrow as pa
import pytest

from tests.golden.cases import EXPORTS, POOL_OF
from tests.golden.frozen import Frozen, recorded

RECORDED = recorded()


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    """Every pool, embedded."""
    return Frozen(tmp_path_factory.mktemp("golden"))


def test_the_record_holds_every_case() -> None:
    """And no other."""
    assert RECORDED["orders"].keys() == POOL_OF.keys()
    assert RECORDED["exports"].keys() == EXPORTS.keys()


@pytest.mark.parametrize("case", POOL_OF)
def test_an_order_is_what_it_was(frozen: Frozen, case: str) -> None:
    """Every column of it, and every row of its shards."""
    now, then = frozen.order(case), RECORDED["orders"][case]
    if now != then:
        pytest.fail(f"case {case}: {_first_difference(now, then)}", pytrace=False)
    assert frozen.schema(case) == RECORDED["schemas"][POOL_OF[case]]


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.skipif(pa.__version__ != RECORDED["pyarrow"], reason="pyarrow writes other bytes")
def test_an_export_is_what_it_was(frozen: Frozen, name: str) -> None:
    """Every byte of its files of rows."""
    assert frozen.export(name) == RECORDED["exports"][name]


def _first_difference(now: dict[str, Any], then: dict[str, Any]) -> str:
    differ = ", ".join(part for part in ("order", "shard", "parts") if now[part] != then[part])
    pairs = itertools.zip_longest(now["rows"].split(), then["rows"].split(), fillvalue="none.")
    for position, (here, there) in enumerate(pairs):
        if here != there:
            row, was = here.partition(".")[0], there.partition(".")[0]
            what = f"row {row}, was row {was}" if row != was else f"row {row} has other values"
            return f"position {position}: {what} (differ: {differ})"
    return f"the same rows in the same sequence (differ: {differ})"
