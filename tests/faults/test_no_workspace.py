"""Where the workspace is missing, is no workspace, or is held by another process."""

import os

import pytest

from tests.faults.amounts import Tally
from tests.faults.place import COMMANDS, Place, check_refusal
from tests.faults.test_machine import READING
from tma_prep.workspace import Workspace

pytestmark = pytest.mark.slow

MAKES = ("embed", "run")
"""Commands that make a workspace where there is none."""
USES = [name for name in COMMANDS if name not in MAKES]


@pytest.mark.parametrize("state", ["missing", "a file", "an empty folder", "a pipe"])
@pytest.mark.parametrize("name", USES)
def test_no_workspace(place: Place, tally: Tally, state: str, name: str) -> None:
    """No workspace where one is named, and every command."""
    work = place.root / "work"
    work.rename(place.root / "elsewhere")
    if state == "a file":
        work.write_text("mine")
    elif state == "an empty folder":
        work.mkdir()
    elif state == "a pipe":
        os.mkfifo(work)
    before = place.contents
    done = place.run(*COMMANDS[name])
    check_refusal(done)
    assert done.code == 1 and done.out == ""
    assert place.contents == before
    tally.add("refused in a line")


@pytest.mark.parametrize("name", MAKES)
def test_a_file_where_a_workspace_is_to_be(place: Place, tally: Tally, name: str) -> None:
    """A file in the place of the workspace that is to be made."""
    (place.root / "work").rename(place.root / "elsewhere")
    (place.root / "work").write_text("mine")
    done = place.run(*COMMANDS[name])
    check_refusal(done)
    assert (place.root / "work").read_text() == "mine"
    tally.add("refused in a line")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_workspace_that_another_process_holds(place: Place, tally: Tally, name: str) -> None:
    """A workspace that another process works in: what only reads works, the rest refuses."""
    before = place.contents
    with Workspace(place.root / "work").locked():
        done = place.run(*COMMANDS[name])
    if name in READING or name == "init --from":
        assert done.code == 0, done.err
    else:
        check_refusal(done)
        assert "another tma-prep is at work in it" in done.err
        assert place.contents == before
    tally.add("refused in a line" if done.code else "done")
