"""Scripts and configurations, rendered from the Jinja2 files in `templates/`."""

import functools
import json
import re
import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING

from tma_prep.trainers.trainer import Handoff, Trainer

if TYPE_CHECKING:
    from jinja2 import Environment

_COMMENT_WIDTH = 98


def rendered(trainer: Trainer, handoff: Handoff) -> dict[str, str]:
    """Texts that stand beside the exported rows, by file name."""
    facts = {field.name: getattr(handoff, field.name) for field in fields(handoff)}
    facts |= {"trainer": trainer, "traps": trainer.traps}
    environment = _environment()
    return {
        file: environment.get_template(template).render(facts)
        for file, template in trainer.templates.items()
    }


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tma_prep.trainers"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"comment": _comment, "json": _json, "word": _word}
    return environment


def _comment(text: str) -> str:
    """One comment, whatever stands in the text, without a line break at its end."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))
    lines = textwrap.wrap(shown, _COMMENT_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


def _json(value: object) -> str:
    """A value as JSON; printable text is the same text in YAML and Python."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _word(text: str) -> str:
    """The text as a name without commas, which LLaMA-Factory splits names at."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)
