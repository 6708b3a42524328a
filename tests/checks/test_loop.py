"""The training loop on real, very small runs."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from tests.checks.conftest import sums
from tma_prep.checks.data import ScoredTest, encode_tests
from tma_prep.checks.loop import Evaluation, TrainSettings, evaluation_steps, train_order
from tma_prep.checks.model import tiny_llama
from tma_prep.errors import OptionError, TrainingError

Rows = Sequence[tuple[str, str]]

_SETTINGS = TrainSettings(steps=6, batch_size=4, max_tokens=48, warmup_steps=2)


@pytest.fixture(scope="module")
def start(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Start weights that every run of this file shares."""
    return tiny_llama(len(tokenizer), _SETTINGS.max_tokens, seed=0)


@pytest.fixture(scope="module")
def tests(tokenizer: PreTrainedTokenizerFast) -> list[ScoredTest]:
    """Forty test rows of unlike lengths, more than one batch."""
    rows = [(n, None, (prompt, response * (1 + n % 3))) for n, (prompt, response) in _numbered(40)]
    return encode_tests(tokenizer, rows, _SETTINGS.max_tokens).scored


def _numbered(count: int) -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(sums(1000, count)))


def _noise(count: int) -> Rows:
    letters = np.random.default_rng(0).integers(97, 123, size=(count, 60))
    texts = ["".join(map(chr, row)) for row in letters]
    return [(text[:30], text[30:]) for text in texts]


def _train(
    rows: Rows,
    tests: Sequence[ScoredTest],
    start: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainSettings = _SETTINGS,
) -> list[Evaluation]:
    model = copy.deepcopy(start)
    return list(train_order("x", rows, tests, model, tokenizer, settings))


@pytest.mark.parametrize("steps", [1, 2, 9, 60, 63, 1790])
def test_evaluations_start_at_0_and_end_at_the_last_step(steps: int) -> None:
    """Often at first, and never more than 100 steps apart."""
    chosen = evaluation_steps(steps)
    gaps = np.diff(chosen)
    assert (chosen[0], chosen[-1]) == (0, steps)
    assert (gaps >= 1).all()
    assert (gaps <= 100).all()
    assert gaps[0] <= 2


def test_evaluation_steps_of_a_short_run() -> None:
    """The list that the report of a short run shows."""
    assert evaluation_steps(60) == [0, 2, 4, 6, 8, 12, 16, 20, 30, 40, 55, 60]


@pytest.mark.slow
def test_two_orders_start_from_the_same_weights_and_two_runs_are_equal(
    start: LlamaForCausalLM, tests: list[ScoredTest], tokenizer: PreTrainedTokenizerFast
) -> None:
    """The start model is left as it was, the global generator too, and runs repeat to the bit."""
    weights = {name: weight.clone() for name, weight in start.state_dict().items()}
    generator = torch.random.get_rng_state()
    rows = sums(0, 24)
    forward = _train(rows, tests, start, tokenizer)
    backward = _train(rows[::-1], tests, start, tokenizer)
    again = _train(rows, tests, start, tokenizer)
    assert np.array_equal(forward[0].losses, backward[0].losses)
    assert not np.array_equal(forward[-1].losses, backward[-1].losses)
    for one, two in zip(forward, again, strict=True):
        assert np.array_equal(one.losses, two.losses)
    assert all(torch.equal(weights[name], weight) for name, weight in start.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), generator)


@pytest.mark.slow
def test_the_loss_at_step_0_is_that_of_the_start_model(
    start: LlamaForCausalLM, tests: list[ScoredTest], tokenizer: PreTrainedTokenizerFast
) -> None:
    """Each test row's number stands in its own place, though rows are scored by length."""
    first = _train(sums(0, 24), tests, start, tokenizer)[0]
    for place in (0, 1, 2, 17, 39):
        example = tests[place].example
        ids = torch.tensor([example.ids])
        labels = ids.clone()
        labels[:, : example.response_start] = -100
        with torch.inference_mode():
            assert first.losses[place] == pytest.approx(
                start(input_ids=ids, labels=labels).loss.item(), abs=1e-5
            )


@pytest.mark.slow
def test_the_test_rows_teach_more_than_noise(
    start: LlamaForCausalLM, tests: list[ScoredTest], tokenizer: PreTrainedTokenizerFast
) -> None:
    """What the whole check rests on."""
    settings = replace(_SETTINGS, steps=12)
    same = _train(sums(1000, 40) + sums(1000, 8), tests, start, tokenizer, settings)
    noise = _train(_noise(48), tests, start, tokenizer, settings)
    assert same[-1].losses.mean() < same[0].losses.mean() - 1
    assert same[-1].losses.mean() < noise[-1].losses.mean() - 0.5


@pytest.mark.slow
def test_rows_tokens_and_progress_are_counted(
    start: LlamaForCausalLM, tests: list[ScoredTest], tokenizer: PreTrainedTokenizerFast
) -> None:
    """A smaller last batch counts its rows; empty responses are seen and teach nothing."""
    rows = [*sums(0, 3), ("No answer.", "")] + [("Nothing.", "")] * 4 + sums(10, 2)
    seen: list[int] = []
    settings = replace(_SETTINGS, steps=3)
    model = copy.deepcopy(start)
    found = list(
        train_order(
            *("x", iter(rows), tests, model, tokenizer, settings), on_step=lambda: seen.append(1)
        )
    )
    [*_, middle, last] = found
    learned = [row for row in rows if row[1]]
    encoded = encode_tests(tokenizer, [(0, None, row) for row in learned], settings.max_tokens)
    tokens = [test.example.response_tokens for test in encoded.scored]
    assert [(e.step, e.rows_seen) for e in found] == [(0, 0), (2, 8), (3, 10)]
    assert (middle.response_tokens_seen, last.response_tokens_seen) == (
        sum(tokens[:3]),
        sum(tokens),
    )
    assert len(seen) == 3
    assert np.isfinite(last.losses).all()


@pytest.mark.slow
def test_a_batch_of_empty_responses_leaves_the_weights(
    start: LlamaForCausalLM, tests: list[ScoredTest], tokenizer: PreTrainedTokenizerFast
) -> None:
    """No gradient, and no step on the optimizer's momentum either."""
    rows = [("Nothing.", "")] * 8
    first, last = _train(rows, tests, start, tokenizer, replace(_SETTINGS, steps=2))
    assert np.array_equal(first.losses, last.losses)


@pytest.mark.slow
def test_too_few_rows_and_divergence_are_told(
    start: LlamaForCausalLM, tests: list[ScoredTest], tokenizer: PreTrainedTokenizerFast
) -> None:
    """Each with the remedy."""
    with pytest.raises(TrainingError, match="has 5 rows, which is 2 steps of 4 rows and not 6"):
        _train(sums(0, 5), tests, start, tokenizer)
    with pytest.raises(TrainingError, match="is no number after 2 steps .* ask for a lower one"):
        _train(sums(0, 24), tests, start, tokenizer, replace(_SETTINGS, learning_rate=1e30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0; it must be 1 or more"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"warmup_steps": -1}, "warm-up is -1 steps"),
    ],
)
def test_settings_without_a_meaning_are_refused(change: dict[str, float], message: str) -> None:
    """The rule and the value."""
    with pytest.raises(OptionError, match=message):
        replace(_SETTINGS, **change)  # type: ignore[arg-type]


def test_the_learning_rate_warms_up_and_stays() -> None:
    """In a line, full at the end of the warm-up."""
    settings = TrainSettings(steps=20, learning_rate=0.5, warmup_steps=4)
    assert [settings.learning_rate_at(step) for step in (1, 2, 4, 5, 20)] == [
        0.125,
        0.25,
        0.5,
        0.5,
        0.5,
    ]
    assert replace(settings, warmup_steps=0).learning_rate_at(1) == 0.5
