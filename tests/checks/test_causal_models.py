"""Other models: a folder of safetensors, a GGUF file, adapters, and heads that change logits."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    GraniteConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tests.checks.conftest import sums
from tma_prep.checks.data import Example, collate, encode, encode_tests
from tma_prep.checks.loop import TrainSettings, train_order
from tma_prep.checks.model import (
    autocast_wanted,
    load_causal_lm,
    load_model_tokenizer,
    response_losses,
    tiny_llama,
    trainable_parameters,
    with_lora,
)
from tma_prep.checks.source import find_model
from tma_prep.errors import DependencyError

pytestmark = pytest.mark.slow

_SMALL: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
_CONFIGS = {
    "gpt2": GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2),
    "gemma2": Gemma2Config(**_SMALL, head_dim=16, final_logit_softcapping=2.0),
    "granite": GraniteConfig(**_SMALL, logits_scaling=8.0),
}


@pytest.mark.parametrize("name", _CONFIGS)
def test_the_loss_is_the_models_own(name: str) -> None:
    """Also where the model caps or scales what its head gives."""
    config: PreTrainedConfig = _CONFIGS[name]
    torch.manual_seed(0)
    made: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model: PreTrainedModel = made.eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0)
    example = Example([7, 3, 9, 4, 250, 11, 2], 4)
    labels = torch.tensor([example.ids])
    labels[:, : example.response_start] = -100
    with torch.inference_mode():
        whole = model(input_ids=torch.tensor([example.ids]), labels=labels).loss
        ours = response_losses(model, collate([example], 0, torch.device("cpu"))).mean()
    assert_close(ours, whole, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def folder(tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model and its tokenizer."""
    place = tmp_path_factory.mktemp("model")
    tiny_llama(len(tokenizer), 64, seed=4).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def test_a_saved_model_is_the_same(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Weights in float32 and the same tokens."""
    source = find_model(str(folder))
    assert source.location == folder and len(source.sha256) == 64
    loaded, made = load_causal_lm(folder), tiny_llama(len(tokenizer), 64, seed=4)
    ours = loaded.state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in made.state_dict().items())
    theirs = load_model_tokenizer(folder)
    example = encode(theirs, ("What is 1?", "One."), 64)
    assert example == encode(tokenizer, ("What is 1?", "One."), 64)


def test_what_is_no_model_is_refused(folder: Path, tmp_path: Path) -> None:
    """No pickled weights, no missing file, no folder without a config."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    (tmp_path / "config.json").write_text("{}")
    for name, message in (
        (str(tmp_path), "weights must be .safetensors, and pytorch_model.bin is pickled"),
        (str(tmp_path / "a.gguf"), "no such file"),
        ("./nowhere", "no such folder"),
        ("~nobody-here/model", "no such folder"),
    ):
        with pytest.raises(DependencyError, match=message):
            find_model(name)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(DependencyError, match="cannot be loaded .* causal language model"):
        load_causal_lm(tmp_path)


def test_adapters_begin_as_nothing_and_are_all_that_is_trained(
    folder: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    """The loss at step 0 is the model's own, and it falls; frozen weights stay."""
    pytest.importorskip("peft")
    rows = [(n, None, row) for n, row in enumerate(sums(1000, 16))]
    tests = encode_tests(tokenizer, rows, 64).scored
    settings = TrainSettings(
        steps=12, batch_size=4, max_tokens=64, warmup_steps=2, learning_rate=1e-2
    )
    whole = load_causal_lm(folder)
    model = with_lora(copy.deepcopy(whole), 4, seed=0)
    again = with_lora(copy.deepcopy(whole), 4, seed=0).state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in model.state_dict().items())
    assert 0 < trainable_parameters(model) < trainable_parameters(whole) / 10
    frozen = {n: w.clone() for n, w in model.named_parameters() if not w.requires_grad}
    plain = next(iter(train_order("x", [], tests, whole, tokenizer, settings)))
    found = list(train_order("x", sums(0, 48), tests, model, tokenizer, settings))
    assert np.allclose(plain.losses, found[0].losses, atol=1e-6)
    assert found[-1].losses.mean() < found[0].losses.mean() - 0.1
    after = dict(model.named_parameters())
    assert all(torch.equal(weight, after[name]) for name, weight in frozen.items())


def test_large_models_are_trained_in_bfloat16(tokenizer: PreTrainedTokenizerFast) -> None:
    """From four million weights up; the losses stay near those of float32."""
    assert not autocast_wanted(tiny_llama(4096, 64, seed=0))
    assert autocast_wanted(tiny_llama(40_000, 64, seed=0))
    rows = [(n, None, row) for n, row in enumerate(sums(1000, 8))]
    tests = encode_tests(tokenizer, rows, 64).scored
    losses = []
    for half in (False, True):
        settings = TrainSettings(steps=4, batch_size=4, max_tokens=64, bfloat16=half)
        model = tiny_llama(len(tokenizer), 64, seed=0)
        found = list(train_order("x", sums(0, 16), tests, model, tokenizer, settings))
        losses.append(found[-1].losses.mean())
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert losses[0] == pytest.approx(losses[1], abs=0.02)
    assert losses[0] != losses[1]


def test_a_gguf_file_is_loaded(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A small Llama written as GGUF has the losses of the same weights in memory."""
    gguf = pytest.importorskip("gguf")
    made = tiny_llama(len(tokenizer), 64, seed=4)
    path = tmp_path / "model.gguf"
    write_gguf(gguf, path, made, tokenizer)
    assert find_model(str(path)).location == path
    loaded = load_causal_lm(path)
    batch = collate([Example([7, 3, 9, 4, 250, 11, 2], 4)], 0, torch.device("cpu"))
    with torch.inference_mode():
        assert_close(
            response_losses(loaded, batch), response_losses(made, batch), atol=1e-4, rtol=0
        )
    tokens = load_model_tokenizer(path)
    ids = tokens.encode("What is 1?", add_special_tokens=False)
    assert ids == tokenizer.encode("What is 1?", add_special_tokens=False)
    assert capfd.readouterr().err == ""


def write_gguf(
    gguf: Any,  # noqa: ANN401 - a module that may be absent
    path: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    """Write a Llama and its byte-level BPE tokenizer in float32, in llama.cpp's layout."""
    writer = gguf.GGUFWriter(str(path), "llama")
    config = model.config
    heads = config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // heads)
    writer.add_vocab_size(config.vocab_size)
    backend = tokenizer.backend_tokenizer
    tokens = [backend.id_to_token(n) for n in range(config.vocab_size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if n < 2 else 1 for n in range(len(tokens))])
    merges = json.loads(backend.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(int(tokenizer.eos_token_id))
    writer.add_eos_token_id(int(tokenizer.eos_token_id))
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    for name, tensor in model.state_dict().items():
        weight = tensor.numpy()
        if name == "model.embed_tokens.weight":
            writer.add_tensor("token_embd.weight", weight)
        elif name == "model.norm.weight":
            writer.add_tensor("output_norm.weight", weight)
        elif name.startswith("model.layers."):
            layer, part = name.removeprefix("model.layers.").split(".", 1)
            part = part.removesuffix(".weight")
            if part in ("self_attn.q_proj", "self_attn.k_proj"):
                # llama.cpp interleaves the halves that rotate.
                shape = (heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
                weight = weight.reshape(shape).swapaxes(1, 2).reshape(weight.shape)
            writer.add_tensor(f"blk.{layer}.{names[part]}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
