"""A pool whose nearest rows are the tests themselves: what nearest first gains is leakage alone."""

import json

import numpy as np
import pytest

from tests.integration.check_workspace import SMALL, tma_prep, write_side
from tma_prep_schemas import CheckSummary

pytestmark = pytest.mark.slow

_TESTS, _COPIES, _OTHERS = 10, 8, 900
_COMMON, _OF_TESTS = "bdfgklmnprst", "chjvwxyz"


def _sentence(generator: np.random.Generator, words: int, consonants: str = _COMMON) -> str:
    """Words without any meaning, so that no other row teaches what the tests ask."""
    syllables = [consonant + vowel for consonant in consonants for vowel in "aeiou"]
    return " ".join("".join(generator.choice(syllables, 3)) for _ in range(words))


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> CheckSummary:
    """Nearest first against random, with both controls."""
    root = tmp_path_factory.mktemp("leaked")
    generator = np.random.default_rng(0)
    tests = [
        (_sentence(generator, 10, _OF_TESTS), _sentence(generator, 8, _OF_TESTS))
        for _ in range(_TESTS)
    ]
    leaks = [
        (f"{_sentence(generator, 1)}: {prompt.upper()}!", response)
        for prompt, response in tests
        for _ in range(_COPIES)
    ]
    others = [(_sentence(generator, 10), _sentence(generator, 8)) for _ in range(_OTHERS)]
    test_vectors = generator.normal(size=(_TESTS, 16))
    near = np.repeat(test_vectors, _COPIES, axis=0)
    near = near + 0.1 * generator.normal(size=near.shape)
    far = generator.normal(size=(_OTHERS, 16))
    write_side(root / "train.jsonl", [*leaks, *others], np.concatenate([near, far]))
    write_side(root / "test.jsonl", tests, test_vectors)
    work = root / "work"
    inputs = ("--train", root / "train.jsonl", "--test", root / "test.jsonl")
    check = ("--seeds", 2, "--base-steps", 10, "--steps", 10)
    for arguments in (
        ("embed", *inputs, "--vectors-column", "v", "--out", work),
        ("arrange", work, "--order", "nft", "--order", "rt"),
        ("train-check", work, "--order", "nft", "--order", "rt", *SMALL, *check, "--name", "x"),
    ):
        done = tma_prep(*arguments)
        assert done.returncode == 0, done.stderr
    text = (work / "checks" / "x" / "summary.json").read_text(encoding="utf-8")
    return CheckSummary.model_validate_json(text)


def _verdict(summary: CheckSummary, control: str) -> str:
    found = [
        difference.verdict
        for difference in summary.differences
        if (difference.a, difference.b) == ("nft", "rt")
        and (difference.measure, difference.control) == ("auc_steps", control)
    ]
    assert len(found) == 1, json.dumps(found)
    return found[0]


def test_the_gain_is_there_with_the_leaks(summary: CheckSummary) -> None:
    """Training on the tests lowers their loss."""
    assert _verdict(summary, "none") == "lower"


def test_the_gain_goes_with_the_leaks(summary: CheckSummary) -> None:
    """Without the leaking rows nothing is left of it, and that is what heads the result."""
    assert _verdict(summary, "no-leak") == "no effect found"
    assert "leak" in summary.headline
    assert summary.leakage is not None and summary.leakage.leaking_rows == _TESTS * _COPIES
