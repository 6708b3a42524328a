"""What the tool does on a GPU, against what it does on a CPU: `make gpu-check`.

    python -m benchmarks.gpu_check                        # on the first CUDA card, some minutes
    python -m benchmarks.gpu_check --device cpu --small   # what of it a CPU can check, a minute

It makes its own data and its own model, needs no network, prints one table and, with `--json`,
keeps the numbers. It ends with 1 where a check fails or there is no card.
"""

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.gpu_check import embedding, forward, product, ranking, training
from benchmarks.gpu_check.made import minilm_of_random_weights, texts
from benchmarks.gpu_check.report import Line, environment, guarded, say, table, write_json
from benchmarks.gpu_check.sizes import FULL, SMALL, Sizes

_SECTIONS = ("product", "ranking", "training", "forward", "embedding")
_WORDS_FOR_TOKENIZER = 2_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections asked for; the exit code."""
    options = _options(arguments)
    device: str = options.device
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            say("gpu-check: torch sees no CUDA card; on a CPU give --device cpu --small")
            return 1
    about = environment(device)
    say(", ".join(f"{name} {value}" for name, value in about.items()))
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="tma-prep-gpu-check-") as folder:
        works = _works(Path(folder), options.model, device, SMALL if options.small else FULL)
        for name in options.only or _SECTIONS:
            start = time.perf_counter()
            for line in guarded(name, works[name]()):
                lines.append(line)
                say(f"{line.outcome}: {line.what}: {line.found}")
            say(f"{name}: {time.perf_counter() - start:.0f} s")
            if options.json:
                write_json(options.json, about, lines)
    sys.stdout.write(table(lines))
    sys.stdout.write("\n" + ", ".join(f"{name} {value}" for name, value in about.items()) + "\n")
    failed = sum(line.outcome == "failed" for line in lines)
    say(f"{failed} of {sum(bool(line.expected) for line in lines)} checks failed")
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The GPU paths against the CPU paths.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 and the like, or cpu")
    parser.add_argument("--small", action="store_true", help="sizes that a CPU does in a minute")
    parser.add_argument("--json", type=Path, help="where the numbers are kept")
    parser.add_argument("--only", nargs="*", choices=_SECTIONS, help="some of the sections")
    parser.add_argument(
        "--model", help="an embedding model as `embed` takes it; else one of random weights"
    )
    return parser.parse_args(arguments)


def _works(
    folder: Path, model: str | None, device: str, sizes: Sizes
) -> dict[str, Callable[[], Iterator[Line]]]:
    @functools.cache
    def named() -> str:
        return model or str(minilm_of_random_weights(folder, texts(_WORDS_FOR_TOKENIZER)))

    # As generators, so that the model is made where what it raises becomes a line.
    def of_forward() -> Iterator[Line]:
        yield from forward.run(named(), device, sizes)

    def of_embedding() -> Iterator[Line]:
        yield from embedding.run(folder, named(), device, sizes)

    return {
        "product": lambda: product.run(device, sizes),
        "ranking": lambda: ranking.run(device, sizes),
        "training": lambda: training.run(device, sizes),
        "forward": of_forward,
        "embedding": of_embedding,
    }


if __name__ == "__main__":
    sys.exit(main())
