"""Vectors are those of `SentenceTransformer.encode`, however the authors saved their model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.sentence_transformer.modules import (
    LayerNorm,
    Pooling,
    StaticEmbedding,
    WeightedLayerPooling,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from tests.integration.embed_runs import Watch, write_rows
from tma_prep.artifact import read_manifest
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import resolve_model
from tma_prep.embeddings.saved import Reading
from tma_prep.embeddings.stage import embed
from tma_prep.errors import ArtifactError, DependencyError, OptionError
from tma_prep.options import EmbedOptions
from tma_prep_schemas import EmbeddingsManifest

pytestmark = pytest.mark.slow

TEXTS = [
    ("Name the capital city of France, and that of a country beside it.", " Paris, and Rome."),
    ("A text that is longer than the others. " * 20, ""),
    ("yes", ""),
    ("Sort the numbers 3, 1 and 2 from the least to the greatest.", " 1, 2, 3"),
]
PLAIN = [prompt + response for prompt, response in TEXTS]
WIDTH = 24
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers and 48 positions, as transformers saves it."""
    folder = tmp_path_factory.mktemp("bert")
    load: Any = AutoTokenizer
    tokenizer = load.from_pretrained(resolve_model("all-MiniLM-L6-v2").location)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=48,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with a chat template, which pads on the left."""
    return saved_causal(tmp_path_factory.mktemp("causal"), TEMPLATE)


def saved_causal(folder: Path, template: str | None) -> Path:
    """A Llama for text generation, as transformers saves it."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        PLAIN,
        trainers.BpeTrainer(vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=alphabet),
    )
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(tokenizer_object=trained, eos_token="<|end|>", padding_side="left")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def encoder(folder: Path, **options: Any) -> Encoder:  # noqa: ANN401
    """Of a folder, in float32 on the CPU."""
    reading = Reading(**options)
    return Encoder(EncoderSettings(resolve_model(str(folder)), "cpu", "float32", reading=reading))


def vectors(of: Encoder) -> NDArray[np.float32]:
    """Of all texts."""
    return of.vectors(of.tokenised(TEXTS).ids)


def assert_as_encoded(folder: Path, encode: dict[str, Any], **options: Any) -> Encoder:  # noqa: ANN401
    """Compare with `encode` of the same folder, and return our encoder."""
    reference = SentenceTransformer(str(folder), device="cpu")
    expected = reference.encode(PLAIN, normalize_embeddings=True, **encode)
    ours = encoder(folder, **options)
    found = vectors(ours)
    assert found.shape == expected.shape == (len(TEXTS), ours.dimension)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    return ours


def saved(
    folder: Path,
    *modules: torch.nn.Module,
    prompts: dict[str, str] | None = None,
    default_prompt_name: str | None = None,
    truncate_dim: int | None = None,
) -> Path:
    """The modules as one model, in a folder."""
    model = SentenceTransformer(
        modules=list(modules),
        device="cpu",
        prompts=prompts,
        default_prompt_name=default_prompt_name,
        truncate_dim=truncate_dim,
    )
    model.save(str(folder / "saved"))
    return folder / "saved"


POOLINGS = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


@pytest.mark.parametrize("pooling", [*POOLINGS, ("cls", "lasttoken"), ("mean", "max")])
@pytest.mark.parametrize("include_prompt", [True, False])
def test_every_pooling(
    bert: Path,
    tmp_path: Path,
    pooling: Any,  # noqa: ANN401
    include_prompt: bool,
) -> None:
    """With a prompt by default, whose tokens are pooled or not."""
    folder = saved(
        tmp_path,
        Transformer(str(bert)),
        Pooling(WIDTH, pooling, include_prompt=include_prompt),
        prompts={"query": "Represent this: "},
        default_prompt_name="query",
    )
    ours = assert_as_encoded(folder, {})
    assert ours.described["prefix"] == "Represent this: "


MODULES: dict[str, Callable[[], list[torch.nn.Module]]] = {
    "dense": lambda: [Dense(WIDTH, 16)],
    "normalised before a dense": lambda: [Normalize(), Dense(WIDTH, 40)],
    "layer norm": lambda: [LayerNorm(WIDTH)],
    "normalised": lambda: [Normalize()],
}


@pytest.mark.parametrize("modules", MODULES)
@pytest.mark.parametrize("truncate_dim", [None, 10])
def test_modules_after_the_pooling(
    bert: Path, tmp_path: Path, modules: str, truncate_dim: int | None
) -> None:
    """Whole and truncated."""
    torch.manual_seed(1)
    pooled = [Transformer(str(bert)), Pooling(WIDTH, "mean")]
    folder = saved(tmp_path, *pooled, *MODULES[modules](), truncate_dim=truncate_dim)
    assert_as_encoded(folder, {})


def test_layers_weighted_before_the_pooling(bert: Path, tmp_path: Path) -> None:
    """A module between the transformer and its pooling."""
    transformer = Transformer(str(bert), config_kwargs={"output_hidden_states": True})
    weighted = WeightedLayerPooling(WIDTH, num_hidden_layers=2, layer_start=1)
    assert_as_encoded(saved(tmp_path, transformer, weighted, Pooling(WIDTH)), {})


def test_an_earlier_layer(bert: Path, tmp_path: Path) -> None:
    """That the authors chose; the last one is not taken for it."""
    entry: Any = {"method": "forward", "method_output_name": ["hidden_states", 1]}
    transformer = Transformer(
        str(bert), modality_config={"text": entry}, module_output_name="token_embeddings"
    )
    assert_as_encoded(saved(tmp_path, transformer, Pooling(WIDTH)), {})


def test_an_adapter(bert: Path, tmp_path: Path) -> None:
    """Of low rank, over weights that lie elsewhere."""
    peft = pytest.importorskip("peft")
    model = SentenceTransformer(str(bert), device="cpu")
    torch.manual_seed(2)
    adapter = peft.LoraConfig(target_modules=["query"], init_lora_weights=False)
    model.add_adapter(adapter)
    model.save(str(tmp_path / "saved"))
    assert_as_encoded(tmp_path / "saved", {})


def test_prompts_by_name_and_by_text(bert: Path, tmp_path: Path) -> None:
    """Each instead of the default one."""
    folder = saved(
        tmp_path,
        Transformer(str(bert)),
        Pooling(WIDTH, include_prompt=False),
        prompts={"query": "Ask: ", "other": "Of another kind, "},
        default_prompt_name="query",
    )
    found = [
        vectors(assert_as_encoded(folder, encode, **options)).tolist()
        for encode, options in (
            ({}, {}),
            ({"prompt_name": "other"}, {"prompt_name": "other"}),
            ({"prompt": "Given: "}, {"prefix": "Given: "}),
            ({"prompt_name": "document"}, {"prompt_name": "document"}),
        )
    ]
    assert all(some != others for some, others in zip(found, found[1:], strict=False))
    with pytest.raises(OptionError, match=r"--prompt-name answer: the model has query, document, "):
        encoder(folder, prompt_name="answer")
    with pytest.raises(OptionError, match=r"--prompt-name query: the model has no prompts; give"):
        encoder(bert, prompt_name="query")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_causal_model_that_was_saved_to_embed(
    causal: Path,
    tmp_path: Path,
    pooling: Any,  # noqa: ANN401
) -> None:
    """It reads through its chat template, as the library saves it, or plain text, cut or not."""
    transformer = Transformer(str(causal))
    transformer.tokenizer.pad_token = "<|end|>"
    folder = saved(tmp_path, transformer, Pooling(WIDTH, pooling), prompts={"query": "Find: "})
    ours = assert_as_encoded(folder, {})
    assert ours.tokenised(TEXTS).read.tolist()[1] < ours.tokenised(TEXTS).tokens.tolist()[1]
    assert_as_encoded(folder, {"prompt_name": "query"}, prompt_name="query")


def test_a_tokenizer_that_cuts_the_beginning(bert: Path, tmp_path: Path) -> None:
    """Of a text that is too long."""
    transformer = Transformer(str(bert))
    transformer.tokenizer.truncation_side = "left"
    assert_as_encoded(saved(tmp_path, transformer, Pooling(WIDTH)), {})


@pytest.mark.parametrize("prompt", ["", "Find: "])
def test_static_embeddings(bert: Path, tmp_path: Path, prompt: str) -> None:
    """Which are looked up, and read texts whole."""
    load: Any = AutoTokenizer
    torch.manual_seed(1)
    static = StaticEmbedding(load.from_pretrained(bert), embedding_dim=WIDTH)
    folder = saved(tmp_path, static, prompts={"q": prompt}, default_prompt_name="q")
    ours = assert_as_encoded(folder, {})
    assert ours.described["pooling"] == "none"
    assert ours.tokenised(TEXTS).read.tolist() == ours.tokenised(TEXTS).tokens.tolist()
    with pytest.raises(OptionError, match="--max-length: the model reads texts whole"):
        Encoder(EncoderSettings(resolve_model(str(folder)), "cpu", "float32", max_length=16))


def test_routes(bert: Path, tmp_path: Path) -> None:
    """Texts take the default one."""
    routes = {mode: [Transformer(str(bert)), Pooling(WIDTH, mode)] for mode in ("mean", "cls")}
    assert_as_encoded(saved(tmp_path, Router(routes, default_route="cls")), {})


def by_hand(causal: Path, pooling: str, layer: int, *, chat: bool = False) -> NDArray[np.float64]:
    """Hidden states of each text by itself, pooled as the definitions say."""
    load: Any = AutoTokenizer
    tokenizer = load.from_pretrained(causal)
    model: Any = LlamaForCausalLM.from_pretrained(causal, dtype=torch.float32)
    rows = []
    for prompt, response in TEXTS:
        text = prompt + response
        if chat:
            said = [{"role": "user", "content": prompt}]
            said += [{"role": "assistant", "content": response[1:]}] if response else []
            text = tokenizer.apply_chat_template(said, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) > 64:  # the template ends with two tokens
            ids = [*ids[:62], *ids[-2:]] if chat else ids[:64]
        with torch.inference_mode():
            states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0]
        hidden = states.double().numpy()
        weights = {
            "mean": np.ones(len(ids)),
            "weighted-mean": np.arange(1, len(ids) + 1),
            "cls": np.eye(len(ids))[0],
            "last": np.eye(len(ids))[-1],
        }[pooling]
        rows.append(weights @ hidden)
    found: NDArray[np.float64] = np.stack(rows)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


@pytest.mark.parametrize(
    ("pooling", "layer"),
    [
        *((pooling, None) for pooling in ("mean", "weighted-mean", "cls", "last", None)),
        *(("weighted-mean", layer) for layer in (0, 1, -2)),
    ],
)
def test_a_causal_model_pooled_as_asked(causal: Path, pooling: Any, layer: int | None) -> None:  # noqa: ANN401
    """Of plain text; weighted by position, as RDS+ does, where nothing is asked."""
    ours = encoder(causal, pooling=pooling, layer=layer)
    expected = by_hand(causal, pooling or "weighted-mean", -1 if layer is None else layer)
    np.testing.assert_allclose(vectors(ours), expected, rtol=0, atol=1e-5)
    assert ours.described["pooling"] == (pooling or "weighted-mean")
    assert ours.described["layer"] == layer and not ours.saved.to_embed


def test_a_chat_template(causal: Path, tmp_path: Path) -> None:
    """Prompt and response are messages; a model without one is refused."""
    ours = encoder(causal, pooling="last", chat_template=True)
    np.testing.assert_allclose(
        vectors(ours), by_hand(causal, "last", -1, chat=True), rtol=0, atol=1e-5
    )
    assert ours.described["chat_template"]
    with pytest.raises(OptionError, match="--chat-template: .* has none that it reads"):
        encoder(saved_causal(tmp_path, None), chat_template=True)


def test_a_chat_template_that_refuses_a_message(tmp_path: Path) -> None:
    """In one line."""
    folder = saved_causal(tmp_path, "{{ raise_exception('a system message first') }}")
    with pytest.raises(DependencyError, match="cannot read a text .a system message first"):
        encoder(folder, chat_template=True)


def test_a_plain_bert_is_pooled_by_the_mean(bert: Path) -> None:
    """As the library does, or as asked."""
    assert assert_as_encoded(bert, {}).described["pooling"] == "mean"
    assert encoder(bert, pooling="cls").described["pooling"] == "cls"


def test_what_a_model_does_not_have_is_refused(bert: Path, tmp_path: Path) -> None:
    """Each in one line."""
    with pytest.raises(OptionError, match="--layer 3 must be from -3 to 2"):
        encoder(bert, layer=3)
    folder = saved(tmp_path, Transformer(str(bert)), Pooling(WIDTH, ("mean", "lasttoken")))
    for options in ({"pooling": "mean"}, {"layer": 1}):
        with pytest.raises(OptionError, match=r"was saved with its own pooling \(mean\+last\)"):
            encoder(folder, **options)


def test_a_changed_configuration_is_another_model(bert: Path, tmp_path: Path) -> None:
    """Though its weights are the same."""
    digests = {
        resolve_model(
            str(saved(tmp_path / mode, Transformer(str(bert)), Pooling(WIDTH, mode)))
        ).sha256
        for mode in ("mean", "cls")
    }
    assert len(digests) == 2


def test_a_run_says_how_a_causal_model_is_pooled(causal: Path, tmp_path: Path) -> None:
    """On stderr and in the manifest; another pooling is another store, and no update of this."""
    rows = [{"prompt": prompt, "response": response[1:]} for prompt, response in TEXTS[:1]]
    write_rows(tmp_path / "a.jsonl", rows)
    file = str(tmp_path / "a.jsonl")
    given = {"train": [file], "test": [file], "out": tmp_path / "w"}

    def run(**more: object) -> list[str]:
        watch = Watch()
        embed(EmbedOptions.model_validate(given | {"model": str(causal)} | more), watch)
        return watch.notes

    first = f"--model {causal} was not saved to embed texts: the hidden states of"
    assert f"{first} the last layer are pooled by weighted-mean; --pooling takes another" in run()
    manifest = read_manifest(tmp_path / "w/embeddings/train/manifest.json", EmbeddingsManifest)
    assert manifest is not None and manifest.encoder is not None
    assert manifest.encoder["pooling"] == "weighted-mean"
    with pytest.raises(ArtifactError, match="pooling was weighted-mean, now last"):
        run(pooling="last", update=True)
    asked = {"pooling": "last", "layer": -2, "overwrite": True}
    assert f"{first} layer -2 are pooled by last" in run(**asked)
    assert not run(pooling="last", layer=-2)
