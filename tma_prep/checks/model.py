"""The model that is trained: a small Llama from a config or any causal LM, and its response loss.

A model of this module is a plain transformers causal LM; under LoRA its layers hold adapters and
only those are trainable.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tma_prep.checks.data import TokenBatch
from tma_prep.errors import DependencyError, OptionError
from tma_prep.model_files import loading

_MOST_FLOAT32_PARAMETERS = 4_000_000
"""Up to here autocast costs more than it saves: 1.3 M weights are slower with it."""

_CHANGES_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")
"""Settings by which a model changes what its head gives."""


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
    with _seeded(seed):
        return LlamaForCausalLM(config)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what draws weights, and give the generator back as it was."""
    # transformers draws start weights from the CPU's global generator alone, so only that one is
    # seeded and given back; `torch.manual_seed` would also seed every accelerator.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def load_causal_lm(location: Path, *, trusted: bool = False) -> PreTrainedModel:
    """Load a causal LM in float32, without dropout, from a folder or a GGUF file.

    Args:
        location: Of safetensors, unless it is trusted.
        trusted: Whether pickled weights and code of its own may be loaded.

    Raises:
        DependencyError: It cannot be loaded.
    """
    with _loading(location):
        folder, more = _place(location)
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            trust_remote_code=trusted,
            # None takes safetensors where there are some.
            use_safetensors=None if trusted else True,
            **more,
        )
    model.config.use_cache = False
    torch.nn.Module.eval(model)
    return model


def load_model_tokenizer(location: Path, *, trusted: bool = False) -> PreTrainedTokenizerFast:
    """Load the tokenizer that comes with a model.

    Args:
        location: Of the model.
        trusted: Whether code of its own may be run.

    Raises:
        DependencyError: It cannot be loaded, or names no end of sequence.
    """
    with _loading(location):
        folder, more = _place(location)
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted, **more)
    if tokenizer.eos_token_id is None:
        raise DependencyError(f"--model {location}: its tokenizer names no end of sequence")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # never seen: see `response_losses`
    found: PreTrainedTokenizerFast = tokenizer
    return found


def _place(location: Path) -> tuple[str, dict[str, Any]]:
    if location.suffix == ".gguf":
        return str(location.parent), {"gguf_file": location.name}
    return str(location), {}


@contextlib.contextmanager
def _loading(location: Path) -> Iterator[None]:
    """See `loading`."""
    gguf = location.suffix == ".gguf"
    # The bar of a GGUF file heeds no setting.
    bars = contextlib.redirect_stderr(io.StringIO()) if gguf else contextlib.nullcontext()
    remedy = (
        "name a folder with config.json, tokenizer and .safetensors weights of a causal "
        "language model, or a .gguf file"
    )
    with loading(str(location), remedy), bars:
        try:
            yield
        except ImportError as error:
            hint = "pip install 'tma-prep[gguf]'" if gguf else str(error)
            raise DependencyError(f"--model {location}: a library is missing; {hint}") from error


def with_lora(model: PreTrainedModel, rank: int, seed: int) -> PreTrainedModel:
    """Freeze the model and put adapters into all of its linear layers but the head.

    The adapters begin as nothing: the loss at step 0 is the model's own.

    Args:
        model: It is changed in place and returned.
        rank: Of the adapters; they are scaled by alpha / rank = 2.
        seed: Of their start weights.

    Raises:
        DependencyError: peft is not installed.
        OptionError: The model has no layer that takes an adapter.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise DependencyError("--lora needs peft; pip install 'tma-prep[lora]'") from error
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    try:
        with _seeded(seed):
            inject_adapter_in_model(config, model)
    except ValueError as error:
        raise OptionError(f"--lora {rank}: {' '.join(str(error).split())[:160]}") from error
    return model


def trainable_parameters(model: PreTrainedModel) -> int:
    """Weights that training changes."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def autocast_wanted(model: PreTrainedModel) -> bool:
    """Whether the model is large enough for bfloat16 to be worth it, where it is fast."""
    return sum(weight.numel() for weight in model.parameters()) > _MOST_FLOAT32_PARAMETERS


def response_losses(model: PreTrainedModel, batch: TokenBatch) -> torch.Tensor:
    """Cross-entropy of every token that counts; the head is applied nowhere else.

    The logits of a whole batch would be the largest tensor by far (rows × tokens × vocabulary),
    and most of its rows belong to prompts. Models that change what the head gives are asked for
    all of them.

    Returns:
        float32 [tokens], nats, in the order of `batch.targets`.
    """
    # Padding lies to the right of every token that counts: causal attention never sees it, and
    # without a mask the fused kernels apply.
    head: torch.nn.Module | None = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if head is None or any(getattr(model.config, name, None) for name in _CHANGES_LOGITS):
        logits = model(input_ids=batch.input_ids).logits.flatten(0, 1)
        logits = logits.index_select(0, batch.predictors)
    else:
        states = model.base_model(input_ids=batch.input_ids).last_hidden_state
        logits = head(states.flatten(0, 1).index_select(0, batch.predictors))
    return cross_entropy(logits.float(), batch.targets, reduction="none")
