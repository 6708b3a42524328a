"""One drawing by matplotlib, made into SVG that a page can hold.

What matplotlib draws is taken apart once more, for three things that it cannot do: colours become
variables of the page's style sheet, so that one drawing is read in light and in dark; users' texts
go in as text nodes, so that no character of theirs is markup, mathematics or a missing glyph; marks
and the whole say what they are, to a pointer and to a screen reader.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

_VARIABLES = (*(f"line-{n}" for n in range(6)), "ink", "paper", "rule", "shade")
COLOURS = {name: f"#0000{place + 1:02x}" for place, name in enumerate(_VARIABLES)}
"""What matplotlib is told, to be replaced by the variable of that name."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tma-prep",
    **{"font.size": 12, "font.family": "DejaVu Sans"},
    **{f"axes.spines.{side}": False for side in ("left", "right", "top")},
    **dict.fromkeys(("axes.edgecolor", "grid.color", "xtick.color"), COLOURS["rule"]),
    **dict.fromkeys(("axes.linewidth", "grid.linewidth", "xtick.major.width"), 1),
    **{"xtick.labelcolor": "black", "xtick.major.size": 5, "ytick.major.size": 0},
    **{"ytick.major.pad": 8, "axes.axisbelow": True, "axes.xmargin": 0, "axes.ymargin": 0.04},
    **{"axes.formatter.useoffset": False, "axes.formatter.limits": (-9, 9)},
    **{"lines.scale_dashes": False, "hatch.linewidth": 2.5},
}


@contextmanager
def style() -> Iterator[None]:
    """The pages' style, whatever the user has set for matplotlib; a decorator of what draws."""
    import matplotlib

    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_STYLE}
    del settings["backend"]
    with matplotlib.rc_context(settings):
        yield


class Canvas:
    """A pair of axes, and what each thing drawn on them is and says.

    Args:
        size: Width and height.
        margins: Left, right, above and below.
        x_label: What the horizontal axis measures; empty for no label.
        y_label: What the vertical axis measures.
        ticks: No more round numbers than these, across and upwards; 0 for as it comes.
    """

    def __init__(
        self,
        size: tuple[float, float],
        margins: tuple[float, float, float, float] = (0, 0, 0, 0),
        x_label: str = "",
        y_label: str = "",
        ticks: tuple[int, int] = (0, 0),
    ) -> None:
        """Lay them out."""
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        (width, height), (left, right, above, below) = size, margins
        across, upwards = width - left - right, height - above - below
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self.axes = self.figure.add_axes(
            (left / width, below / height, across / width, upwards / height)
        )
        self.figure.patch.set_visible(False)
        self.axes.patch.set_visible(False)
        for axis, most in zip((self.axes.xaxis, self.axes.yaxis), ticks, strict=True):
            if most:
                axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))
        self.figure.text((left + across / 2) / width, 8 / height, x_label, ha="center")
        self.figure.text(0, 1 - 22 / height, y_label)
        self._said: dict[str, tuple[str, str, Sequence[str]]] = {}

    def known(self, kind: str, text: str = "", marks: Sequence[str] = ()) -> str:
        """An id for what is drawn next.

        Args:
            kind: Its CSS class.
            text: What it says: of a text what it reads, of anything else its title.
            marks: Titles of its marks.
        """
        name = f"known-{len(self._said)}"
        self._said[name] = (kind, text, marks)
        return name

    def svg(self, kind: str, title: str = "", told: str = "") -> Markup:
        """The drawing; one without a title is decoration to a screen reader."""
        drawn = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self.figure.savefig(drawn, format="svg", metadata=nothing)
        text = re.sub(
            r"#0000([0-9a-f]{2})",
            lambda found: f"var(--{_VARIABLES[int(found[1], 16) - 1]})",
            re.sub(r">\s+<", "><", drawn.getvalue()),
        )
        root = ElementTree.fromstring(text)
        root.remove(root[0])  # a style sheet that would hold for the whole page
        for node in root.iter():
            _plain(node)
            if node.tag == "g":
                self._tell(node)
        role = {"role": "img"} if title else {"aria-hidden": "true"}
        root.attrib = {"class": kind, "viewBox": root.attrib["viewBox"], **role}
        if title:
            root.insert(0, _element("title", title))
            root.insert(1, _element("desc", told))
        return Markup(ElementTree.tostring(root, encoding="unicode"))  # ElementTree escapes texts

    def _tell(self, node: ElementTree.Element) -> None:
        kind, text, marks = self._said.get(node.attrib.pop("id", ""), ("", "", ()))
        if kind:
            node.set("class", kind)
        written = node.find("{*}text")
        if text and written is not None:
            written.text = text
        elif text:
            node.insert(0, _element("title", text))
        for use, said in zip(node.iterfind("{*}g/{*}use"), marks, strict=False):
            use.append(_element("title", said))


def _element(tag: str, text: str) -> ElementTree.Element:
    element = ElementTree.Element(tag)
    element.text = text
    return element


def _plain(node: ElementTree.Element) -> None:
    """As HTML has it: no namespace, the page's font, hundredths."""
    node.tag = node.tag.rpartition("}")[2]
    node.attrib = {name.rpartition("}")[2]: value for name, value in node.attrib.items()}
    for name in {"d", "x", "y"}.intersection(node.keys()):
        node.set(name, re.sub(r"(\.\d\d)\d+", r"\1", node.attrib[name]))
    if node.tag == "text":
        del node.attrib["transform"]
        node.set("style", re.sub(r"font[a-z-]*:[^;]*; ?", "", node.attrib["style"]))
