"""File names with spaces, quotes, line ends, leading dashes and bytes that are no text."""

import ast
import os
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.amounts import LONG_CASES, Tally, amount
from tests.faults.place import Place, check_refusal
from tests.faults.test_shown import check_terminal

pytestmark = pytest.mark.slow

NAMES = {
    "spaces": "a  b ",
    "quotes": 'it\'s "it"',
    "line end": "a\nb",
    "leading dash": "-rf",
    "leading dashes": "--help",
    "not UTF-8": os.fsdecode(b"\xff\xfe"),
    "shell": "$(touch x); `touch y` & #",
    "glob": "[a]*?",
    "format": "{0} %s {{}}",
    "escape": "\x1b[2J",
    "backslash": "a\\nb\\",
    "tilde": "~",
    "other scripts": "данные-数据-\u202e",
    "long": "a" * 250,
    "markup": "[bold]x",
}
PRINTABLE = st.characters(exclude_characters="/", exclude_categories=["C", "Zl", "Zp"])
ANY_NAME = st.one_of(
    st.text(PRINTABLE, min_size=1, max_size=40),
    st.text(
        st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]),
        min_size=1,
        max_size=40,
    ),
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)


def through(place: Place, name: str) -> str:
    """Every step with this name for a folder, the inputs in it and the workspace in it.

    Returns:
        `taken`, or `refused in a line`.
    """
    folder = place.root / name
    folder.mkdir()
    inputs = [folder / f"{name[:200]}{side}.jsonl" for side in ("train", "test")]
    for path, side in zip(inputs, ("train", "test"), strict=True):
        (place.root / "in" / f"{side}.jsonl").rename(path)
    work = f"./{name}/{name}"
    script = place.root / "exported" / "train.py"
    for words in (
        ["embed", f"--train={inputs[0]}", f"--test=./{name}/{inputs[1].name}", f"--out={work}"],
        ["arrange", work],
        ["verify", "--", work],
        ["export", work, "--for", "jsonl"],
        ["export", work, "--for", "trl", "--out", "exported"],
        ["explain", work, "--position", "3"],
        ["inspect", work, "--html"],
    ):
        more = ["--vectors-column", "v"] if words[0] == "embed" else []
        done = place.run(*words, *more)
        check_terminal(done.out)
        check_terminal(done.err)
        (done.out + done.err).encode("utf-8")
        if done.code:
            check_refusal(done)
            return "refused in a line"
        if words[0] == "embed" and name.isprintable():
            typed = shlex.split(done.out.splitlines()[-1])
            assert os.path.normpath(typed[2]) == os.path.normpath(work)
    ast.parse(script.read_text(encoding="utf-8"))
    assert not {"x", "y"} & set(os.listdir(place.root))
    return "taken"


@pytest.mark.parametrize("case", NAMES)
def test_a_name(place: Place, tally: Tally, case: str) -> None:
    """Names of folders and files with marks that mean something to a shell, or no text."""
    outcome = through(place, NAMES[case])
    if case in ("spaces", "quotes", "leading dash", "shell", "glob", "format", "markup"):
        assert outcome == "taken"
    if case == "not UTF-8":
        assert outcome == "refused in a line"
    tally.add(outcome)


@settings(max_examples=amount(5, 400), **LONG_CASES)
@given(name=ANY_NAME)
def test_any_name(place: Place, tally: Tally, name: str) -> None:
    """Any text as the name of folders and files."""
    place.reset()
    tally.add(through(place, name))


def test_a_workspace_that_looks_like_an_option(place: Place, tally: Tally) -> None:
    """A name that looks like an option, as it is and behind --."""
    (place.root / "work").rename(place.root / "-w")
    done = place.run("verify", "-w")
    check_refusal(done)
    assert done.code == 2
    assert place.run("verify", "--", "-w").code == 0
    tally.add("as usual")
