"""The reference model and its loss on response positions."""

import torch
from torch.testing import assert_close

from tma_prep.checks.data import Example, collate
from tma_prep.checks.model import response_losses, tiny_llama

_CPU = torch.device("cpu")
_EXAMPLES = [
    Example([7, 3, 9, 4, 250, 11, 2], 4),
    Example([8, 1, 6, 1], 2),
    Example([20, 21, 22, 23, 24, 25, 26, 27, 28], 8),
]


def test_the_loss_is_that_of_the_whole_model_with_masked_labels() -> None:
    """Transformers' own loss over full logits, -100 on prompts and padding, is the same number."""
    model = tiny_llama(300, 32, seed=3)
    batch = collate(_EXAMPLES, 0, _CPU)
    longest = batch.input_ids.shape[1]
    labels = torch.full_like(batch.input_ids, -100)
    attention = torch.zeros_like(batch.input_ids)
    for row, example in enumerate(_EXAMPLES):
        attention[row, : len(example.ids)] = 1
        labels[row, example.response_start : len(example.ids)] = torch.tensor(
            example.ids[example.response_start :]
        )
    whole = model(input_ids=batch.input_ids, attention_mask=attention, labels=labels)
    ours = response_losses(model, batch)
    assert longest == 9
    assert ours.shape == (3 + 2 + 1,)
    assert_close(ours.mean(), whole.loss, atol=1e-5, rtol=0)


def test_padding_changes_nothing() -> None:
    """A row alone has the losses it has beside a longer one."""
    model = tiny_llama(300, 32, seed=3)
    together = response_losses(model, collate(_EXAMPLES, 0, _CPU))
    alone = [response_losses(model, collate([example], 0, _CPU)) for example in _EXAMPLES]
    assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_start_weights_are_a_function_of_the_seed_and_leave_the_global_generator_alone() -> None:
    """Whatever was drawn before, and nothing drawn after changes."""
    with torch.random.fork_rng(devices=[]):
        before = torch.random.get_rng_state()
        one = tiny_llama(300, 32, seed=1).state_dict()
        assert torch.equal(torch.random.get_rng_state(), before)
        torch.rand(5)
        two = tiny_llama(300, 32, seed=1).state_dict()
        other = tiny_llama(300, 32, seed=2).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])
    assert {weight.dtype for weight in one.values()} == {torch.float32}


def test_the_size_is_as_documented() -> None:
    """About 1.3 million weights with a vocabulary of 4,096; the head is the embedding."""
    model = tiny_llama(4096, 160, seed=0)
    assert 1.2e6 < sum(weight.numel() for weight in model.parameters()) < 1.4e6
    assert model.lm_head.weight is model.model.embed_tokens.weight
