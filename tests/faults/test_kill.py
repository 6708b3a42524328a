"""Killed, or out of room, at any moment: the same command again leaves the bytes of any run."""

import random
import shutil
import signal
import time
from collections.abc import Iterator
from typing import Literal

import pytest

from tests.faults.amounts import TORTURE, Tally, amount
from tests.faults.child import Child, Fate
from tests.faults.place import COMMANDS, Place, check_refusal

pytestmark = pytest.mark.slow

ARRANGED = ("neighbors", "rankings", "orders", "shards", "checks", "leakage*")
UNDONE = {
    "embed": ("*",),
    "arrange": ARRANGED,
    "arrange by wsd": (),
    "export for jsonl": (),
    "export for trl": (),
    "run": ("*",),
    "inspect --html": (),
    "train-check": ("checks",),
}
"""What of the workspace is not there yet when a command begins."""
QUICK = [name for name in UNDONE if name != "train-check"]
KILLED = -signal.SIGKILL


def undo(place: Place, name: str) -> None:
    """The place as it is before a command."""
    place.reset()
    for pattern in UNDONE[name]:
        for path in (place.root / "work").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="module")
def undisturbed(made: Place) -> dict[str, dict[str, bytes]]:
    """What every command leaves that nobody disturbs."""
    found = {}
    for name in UNDONE:
        undo(made, name)
        done = made.run(*COMMANDS[name])
        assert done.code == 0, done.err
        found[name] = made.contents
    return found


def finish(place: Place, name: str, expected: dict[str, bytes]) -> None:
    """Run the command again, to its end, and see that nothing tells what was before."""
    done = place.run(*COMMANDS[name])
    assert done.code == 0, done.err
    found = place.contents
    assert sorted(found) == sorted(expected)
    assert not [file for file in found if found[file] != expected[file]]


def moments(count: int) -> Iterator[tuple[str, float]]:
    """Commands, each in turn, and a share of the time that they take."""
    draw = random.Random(0)
    for number in range(count):
        trains = TORTURE and number % 16 == 0
        yield "train-check" if trains else QUICK[number % len(QUICK)], draw.random()


def test_kill_9_at_a_random_moment(
    place: Place, undisturbed: dict[str, dict[str, bytes]], tally: Tally
) -> None:
    """`kill -9` at a random moment of a command, then the same command again."""
    took: dict[str, float] = {}
    for name, share in moments(amount(5, 140)):
        if name not in took:
            undo(place, name)
            start = time.monotonic()
            assert Child(place, COMMANDS[name], Fate()).wait().code == 0
            took[name] = time.monotonic() - start
        undo(place, name)
        child = Child(place, COMMANDS[name], Fate())
        time.sleep(share * took[name])
        child.kill()
        killed = child.wait().code == KILLED
        finish(place, name, undisturbed[name])
        tally.add(f"killed {name}" if killed else "over before")


@pytest.mark.parametrize("name", UNDONE)
@pytest.mark.parametrize("kind", ["kill", "full"])
def test_every_step(
    place: Place,
    undisturbed: dict[str, dict[str, bytes]],
    tally: Tally,
    kind: Literal["kill", "full"],
    name: str,
) -> None:
    """Before a change of the disk: `kill -9`, or no room from then on; then the command again."""
    if name == "train-check" and not TORTURE:
        pytest.skip("trains; in make torture")
    undo(place, name)
    child = Child(place, COMMANDS[name], Fate())
    assert child.wait().code == 0
    steps = range(1, child.steps + 1)
    most = amount(2, len(steps) if name in QUICK else 12)
    for step in steps[:: -(-len(steps) // most)]:
        undo(place, name)
        done = Child(place, COMMANDS[name], Fate(step, kind)).wait()
        if kind == "kill":
            assert done.code == KILLED
        elif done.code:
            check_refusal(done)
            assert "the disk is full" in done.err
        finish(place, name, undisturbed[name])
        tally.add(f"killed {name}" if kind == "kill" else f"no room for {name}")


def test_a_limit_on_the_length_of_files(
    place: Place, undisturbed: dict[str, dict[str, bytes]], tally: Tally
) -> None:
    """Files that may not become longer than so many bytes; then the command again, without."""
    draw = random.Random(1)
    for number in range(amount(4, 120)):
        name = QUICK[number % len(QUICK)]
        undo(place, name)
        most = draw.choice([0, 1, 40, 300, 1200, 2500, 5000, 9000])
        done = Child(place, COMMANDS[name], Fate(file_bytes=most)).wait()
        if done.code:
            check_refusal(done)
        finish(place, name, undisturbed[name])
        tally.add("refused in a line" if done.code else "long enough")
