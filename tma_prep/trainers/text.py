"""Text of configurations: comments that stay comments, and values that stay values."""

import textwrap
from collections.abc import Mapping, Sequence

import yaml

_WIDTH = 98


def comment(text: str) -> str:
    """The text as comment lines, whatever stands in it."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    lines = textwrap.wrap(shown, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def notes(about: str, warnings: Sequence[str], traps: Sequence[str]) -> str:
    """The comments at the head of a configuration: what it is, what to mind now, what always.

    Args:
        about: A paragraph a line.
        warnings: What is true of this export.
        traps: What is true of the trainer.
    """
    parts = ["".join(comment(line) for line in about.split("\n"))]
    for title, sentences in (("Warnings", warnings), ("Traps", traps)):
        if sentences:
            parts.append("".join(["#\n", f"# {title}:\n", *(comment(f"- {s}") for s in sentences)]))
    return "".join(parts)


def batch_note(global_batch: int | None, *settings: str) -> str:
    """The sentence that says which settings multiply to the global batch."""
    if global_batch is None:
        return ""
    return f" {' × '.join(settings)} × processes must be {global_batch}."


def yaml_text(values: Mapping[str, object]) -> str:
    """A mapping as YAML, in its order; text that needs quotes has them."""
    dumped: str = yaml.safe_dump(dict(values), sort_keys=False, width=10_000)
    return dumped
