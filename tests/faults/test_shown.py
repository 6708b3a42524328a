"""HTML and the language of terminals inside texts and names: shown, and never obeyed."""

import re
from html.parser import HTMLParser

import pytest

from tests.faults.amounts import Tally
from tests.faults.place import COMMANDS, Place

pytestmark = pytest.mark.slow

POLICY = re.compile(r"default-src 'none'; (?:[a-z-]+ (?:'[a-zA-Z0-9+/=-]+'(?: |(?=;|$)))+;? ?)+")
OUTWARD = ("src", "href", "action", "data", "formaction", "poster", "srcset", "xlink:href")
FAULTY = {
    "a bad option": ["arrange", "work", "--name", "\x1b[2J"],
    "a bad order": ["arrange", "work", "--order", "[bold]\x1b[2J"],
    "no such workspace": ["verify", "\x1b[2J[red]x"],
    "no such input": ["embed", "--train", "\x1b[2J.jsonl", "--test", "x", "--out", "w"],
    "a bad row": ["embed", "--train", "bad.jsonl", "--test", "in/test.jsonl", "--out", "w"],
    "another format": [*COMMANDS["embed"], "--format", "\x9b31m"],
    "no such column": [*COMMANDS["embed"], "--task-column", "\x1b]0;x\x07"],
}


class Page(HTMLParser):
    """What of a page could load, run or lead anywhere."""

    def __init__(self, text: str) -> None:
        """Read it."""
        super().__init__()
        self.policy = ""
        self.outward: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what it names."""
        values = dict(attrs)
        if values.get("http-equiv", "") == "Content-Security-Policy":
            self.policy = values.get("content") or ""
        found = [f"{tag} {name}={value}" for name, value in attrs if name in OUTWARD]
        self.outward += [one for one in found if "=#" not in one]
        self.handlers += [name for name in values if name.startswith("on")]
        self._in_script = tag == "script"

    def handle_data(self, data: str) -> None:
        """Note scripts."""
        if self._in_script:
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """A script ends."""
        self._in_script = False


def check_terminal(text: str) -> None:
    """Nothing that a terminal obeys, or that turns the direction of what follows."""
    wrong = [c for c in text if c != "\n" and (not c.isprintable() or "\u202a" <= c <= "\u202e")]
    assert not wrong, repr(text)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_terminal(place: Place, tally: Tally, name: str) -> None:
    """Texts and names with the language of terminals, through every command, told to a person."""
    done = place.run(*COMMANDS[name])
    assert done.code == 0, done.err
    check_terminal(done.out)
    check_terminal(done.err)
    tally.add("shown as text")


@pytest.mark.parametrize("case", FAULTY)
def test_errors(place: Place, tally: Tally, case: str) -> None:
    """The same in what an error names."""
    (place.root / "bad.jsonl").write_text('{"prompt": 5, "\\u001b[2J": "\\u001b[2J"}\n')
    done = place.run(*FAULTY[case])
    assert done.code in (1, 2) and done.err.count("\n") == 1
    check_terminal(done.err)
    tally.add("shown as text")


def test_reports(place: Place, tally: Tally) -> None:
    """HTML in texts and names, in every report: a strict policy, and nothing from outside."""
    for name in COMMANDS:
        assert place.run(*COMMANDS[name]).code == 0
    pages = sorted(place.root.rglob("*.html"))
    assert pages
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert POLICY.fullmatch(page.policy), page.policy
        assert not page.outward and not page.handlers
        assert not [one for one in page.scripts if "obeyed" in one]
        assert not re.search(r"script-src[^;]*unsafe", page.policy)
        # A place in the page itself may be referred to.
        assert not re.search(r"url\((?!#)|@import", text)
        assert "&lt;script&gt;document.title" in text
        assert "<script>document.title" not in text and "<img" not in text
        tally.add("shown as text")
