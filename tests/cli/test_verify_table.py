"""What verify prints of several orders."""

import pytest

from tma_prep.verify.findings import Proof
from tma_prep.verify.stage import VerifyResult
from tma_prep_cli.verify import _LABELS, _print_result


def shown(capsys: pytest.CaptureFixture[str], *proofs: Proof) -> str:
    """On stdout, one space for many."""
    _print_result(VerifyResult("work", True, True, list(proofs), None, {}))
    return " ".join(capsys.readouterr().out.split())


def proof(name: str, **states: str) -> Proof:
    """Of shards that hold, but for these checks."""
    checks = dict.fromkeys(_LABELS, "proven") | states
    return Proof(name, f"work/shards/{name}", 35_686, 1, 10, checks, [], 0)  # type: ignore[arg-type]


def test_many_orders_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A line an order and a line a proof, however many there are of both."""
    text = shown(capsys, *(proof(f"order-{number}") for number in range(9)))
    assert "order-8 35,686 1" in text
    assert "equal to the order in orders/ proven the order is" in text


def test_who_is_not_proven_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """And what was not checked, with the reason below."""
    reason = "no workspace around it"
    text = shown(capsys, proof("nft", positions="not proven", order=reason), proof("rt"))
    assert "each row once not proven: nft; proven: rt equal to" in text
    assert "orders/ not checked: nft; proven: rt" in text
    assert f"nft: not checked: {_LABELS['order']}: {reason}" in text
