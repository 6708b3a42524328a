"""The reference model: a small Llama with random start weights, and its loss on responses."""

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from tma_prep.training.data import TokenBatch


def tiny_llama(vocab_size: int, max_tokens: int, seed: int) -> LlamaForCausalLM:
    """A Llama of about 1.3 million weights (vocabulary of 4,096), float32, on the CPU.

    Args:
        vocab_size: Tokens of the tokenizer.
        max_tokens: Most tokens of a row.
        seed: The weights are a function of it and of the shapes.
    """
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=max_tokens,
        tie_word_embeddings=True,
        use_cache=False,
        # No token is special to the model: `collate` pads on the right, where no state looks.
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    # transformers draws start weights from the CPU's global generator alone, so only that one is
    # seeded and given back; `torch.manual_seed` would also seed every accelerator.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return LlamaForCausalLM(config)


def response_losses(model: LlamaForCausalLM, batch: TokenBatch) -> torch.Tensor:
    """Cross-entropy of every token that counts; the head is applied nowhere else.

    The logits of a whole batch would be the largest tensor by far (rows × tokens × vocabulary),
    and most of its rows belong to prompts.

    Returns:
        float32 [tokens], nats, in the order of `batch.targets`.
    """
    # Padding lies to the right of every token that counts: causal attention never sees it, and
    # without a mask the fused kernels apply.
    states = model.model(input_ids=batch.input_ids).last_hidden_state
    logits = model.lm_head(states.flatten(0, 1).index_select(0, batch.predictors))
    return cross_entropy(logits.float(), batch.targets, reduction="none")
