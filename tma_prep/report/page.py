"""The frame of every report: one HTML file that loads nothing and runs none but its own script."""

import base64
import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING

from tma_prep.report import text
from tma_prep.report.charts import stroke, swatch

if TYPE_CHECKING:
    from jinja2 import Environment

# Control characters but for the line end and tab, marks that turn the direction of what follows,
# and halves of surrogate pairs: HTML cannot hold them, or a page would not read as it is written.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_FILTERS = (text.counted, text.number, text.percent, text.signed, text.steps, text.whole)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tma_prep.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {each.__name__: each for each in _FILTERS}
    environment.globals |= {"digest": _digest, "stroke": stroke, "swatch": swatch}
    return environment


def _digest(script: str) -> str:
    """What a policy calls a script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def render(template: str, **given: object) -> str:
    """A page from a template, with a replacement character for what no page can show."""
    page = _environment().get_template(template).render(given)
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", page)
