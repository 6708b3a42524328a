"""How fast the encoder's model can go: its forward pass alone, ours around it, and `encode`."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.gpu_check.made import texts
from benchmarks.gpu_check.report import Line, check, guarded, measured, not_run
from benchmarks.gpu_check.sizes import Sizes, seconds_of
from tma_prep.device import Dtype
from tma_prep.embeddings.encoder import Encoder, EncoderSettings
from tma_prep.embeddings.model import resolve_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LENGTH = 128
_HEADS, _HEAD_WIDTH = 12, 32
_PACKED = [5, 128, 37, 256, 1]
"""Tokens of texts that are packed."""


def run(model: str, device: str, sizes: Sizes) -> Iterator[Line]:
    """Forward passes of each dtype, then our encoder and `encode` over texts of all lengths."""
    for dtype in sizes.dtypes:
        loaded = _loaded(model, device, dtype)
        yield from _alone(loaded, device, dtype, sizes)
        if dtype == "bfloat16":
            yield from _graphs(loaded, device, sizes)
            yield _encode(loaded, device, sizes)
        del loaded
    yield from _ours(model, device, sizes)
    yield from guarded("varlen_attn", _varlen(device))


def _loaded(model: str, device: str, dtype: Dtype) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        resolve_model(model).location,
        device=device,
        model_kwargs={"dtype": getattr(torch, dtype)},
    ).eval()


def _features(tokens: int, device: str) -> dict[str, torch.Tensor]:
    """Texts of one length, so that nothing is padding."""
    rows = max(1, tokens // _LENGTH)
    ids = torch.randint(5, 500, (rows, _LENGTH), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    return {
        "input_ids": ids.to(device),
        "attention_mask": mask.to(device),
        "token_type_ids": torch.zeros_like(ids).to(device),
    }


def _alone(model: "SentenceTransformer", device: str, dtype: Dtype, sizes: Sizes) -> Iterator[Line]:
    for tokens in sizes.batch_tokens:
        features = _features(tokens, device)
        forward = functools.partial(_forward, model, features)
        seconds = seconds_of(forward, device, sizes.repeats, calls=3, warm=3)
        yield _rate(f"forward pass alone, eager, {dtype}", features["input_ids"], seconds)


@torch.inference_mode()
def _forward(model: "SentenceTransformer", features: dict[str, torch.Tensor]) -> None:
    model(dict(features))


def _rate(what: str, ids: torch.Tensor, seconds: float) -> Line:
    rows, length = ids.shape
    return measured(
        f"{what}, {rows:,} texts of {length} tokens",
        f"{rows / seconds:,.0f} texts/s, {1000 * seconds:.2f} ms",
        texts_per_second=rows / seconds,
        milliseconds=1000 * seconds,
    )


def _graphs(model: "SentenceTransformer", device: str, sizes: Sizes) -> Iterator[Line]:
    if not device.startswith("cuda"):
        yield not_run("forward pass in a CUDA graph", "there is no card")
        return
    bert: Any = model[0].auto_model
    for tokens in sizes.batch_tokens:
        yield from guarded(f"CUDA graph, {tokens:,} tokens", _graph(bert, device, tokens, sizes))


def _graph(bert: Any, device: str, tokens: int, sizes: Sizes) -> Iterator[Line]:  # noqa: ANN401
    ids = _features(tokens, device)["input_ids"]

    @torch.no_grad()
    def eager() -> torch.Tensor:
        # Full texts need no mask, and looking at one would make the host wait.
        found: torch.Tensor = bert(input_ids=ids).last_hidden_state
        return found

    replay, output = _captured(eager, device)
    for name, work in (("eager, no mask", eager), ("CUDA graph", replay)):
        seconds = seconds_of(work, device, sizes.repeats, calls=3, warm=3)
        yield _rate(f"BERT alone, bfloat16, {name}", ids, seconds)
    same = torch.equal(eager(), output)
    what = f"a CUDA graph's result against eager, {tokens:,} tokens"
    yield check(what, "the same bits" if same else "other bits", same, "the same bits")


def _captured(
    work: Callable[[], torch.Tensor], device: str
) -> tuple[Callable[[], object], torch.Tensor]:
    """The work as one CUDA graph, and where its result stands after each replay."""
    aside = torch.cuda.Stream(torch.device(device))  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = work()
    return graph.replay, output


def _encode(model: "SentenceTransformer", device: str, sizes: Sizes) -> Line:
    some = texts(max(64, sizes.texts // 10))
    seconds = {}
    for size in sizes.batch_sizes:
        encode = functools.partial(model.encode, some, batch_size=size, show_progress_bar=False)
        seconds[size] = seconds_of(encode, device, 1)
    best = min(seconds, key=lambda size: seconds[size])
    rate = len(some) / seconds[best]
    what = f"sentence-transformers' encode, bfloat16, {len(some):,} texts, best batch size"
    return measured(what, f"{rate:,.0f} texts/s at {best}", texts_per_second=rate)


def _ours(model: str, device: str, sizes: Sizes) -> Iterator[Line]:
    """Our encoder over token ids of all lengths, at several sizes of a batch."""
    some = [(text, "") for text in texts(max(64, sizes.texts // 10))]
    for dtype, tokens in itertools.product(sizes.dtypes, sizes.batch_tokens):
        encoder = Encoder(EncoderSettings(resolve_model(model), device, dtype, batch_tokens=tokens))
        ids = encoder.tokenised(some).ids
        seconds = seconds_of(functools.partial(encoder.vectors, ids), device, sizes.repeats)
        yield measured(
            f"our encoder from token ids, {dtype}, {len(some):,} texts of "
            f"{ids.lengths.mean():.0f} tokens, {tokens:,} tokens a batch",
            f"{len(some) / seconds:,.0f} texts/s",
            texts_per_second=len(some) / seconds,
        )


def _varlen(device: str) -> Iterator[Line]:
    """Whether attention over packed texts is there, and near attention text by text."""
    what = "varlen_attn over packed texts, bfloat16, against attention text by text"
    if not device.startswith("cuda"):
        yield not_run(what, "it is for CUDA cards")
        return
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        yield not_run(what, "this torch has none; it came with 2.10")
        return
    ends = torch.tensor([0, *itertools.accumulate(_PACKED)], device=device, dtype=torch.int32)
    shape = (3, sum(_PACKED), _HEADS, _HEAD_WIDTH)
    q, k, v = torch.randn(shape, device=device, dtype=torch.bfloat16)
    found = varlen_attn(q, k, v, ends, ends, max(_PACKED), max(_PACKED))
    assert isinstance(found, torch.Tensor)
    expected = torch.cat([_attended(*text) for text in zip(*_split(q, k, v), strict=True)])
    apart = float((found.float() - expected).norm() / expected.norm())
    told = f"relative error {apart:.1e}"
    yield check(what, told, apart < 1e-2, "≤ 1e-02", relative_error=apart)


def _split(*packed: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    """Each cut into its texts, in float32."""
    return [torch.split(side.float(), _PACKED) for side in packed]


def _attended(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Attention within one text, shape (tokens, heads, width)."""
    attention = torch.nn.functional.scaled_dot_product_attention
    return attention(q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)).transpose(0, 1)
