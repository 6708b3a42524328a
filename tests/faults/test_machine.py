"""A small disk, folders that cannot be written, and a clock that jumps."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.amounts import TORTURE, Tally, amount
from tests.faults.child import Child, Fate
from tests.faults.place import COMMANDS, Place, check_refusal
from tests.faults.test_kill import QUICK, finish, undisturbed, undo

pytestmark = pytest.mark.slow
__all__ = ["undisturbed"]

READING = (
    *("verify", "verify --consumed", "explain --position", "explain --test", "inspect"),
    *("inspect --html", "compare"),
)


def _mount(*words: str) -> None:
    """Mount, or skip the test."""
    command = ["mount", *words]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount")


@pytest.fixture
def mounted(place: Place) -> Iterator[Path]:
    """The folder of the workspace, for a mount that ends with the test."""
    yield place.root / "work"
    subprocess.run(["umount", "-l", str(place.root / "work")], check=False, capture_output=True)


def test_a_small_disk(
    place: Place, mounted: Path, undisturbed: dict[str, dict[str, bytes]], tally: Tally
) -> None:
    """A disk of so many kilobytes; then room is made, and the same command again."""
    sizes = range(4, 260, 4)
    for number, size in enumerate(sizes[:: len(sizes) // amount(5, len(sizes))]):
        name = QUICK[number % len(QUICK)]
        undo(place, name)
        before = {file: held for file, held in place.contents.items() if file[:5] == "work/"}
        used = sum(len(held) + 4096 for held in before.values())
        _mount("-t", "tmpfs", "-o", f"size={used + size * 1024}", "tmpfs", str(mounted))
        for file, held in before.items():
            (place.root / file).parent.mkdir(parents=True, exist_ok=True)
            (place.root / file).write_bytes(held)
        done = place.run(*COMMANDS[name])
        if done.code:
            check_refusal(done)
            assert "the disk is full" in done.err
        subprocess.run(["mount", "-o", "remount,size=64m", str(mounted)], check=True)
        finish(place, name, undisturbed[name])
        subprocess.run(["umount", "-l", str(mounted)], check=True)
        tally.add("refused in a line" if done.code else "large enough")


def test_a_read_only_disk(place: Place, mounted: Path, tally: Tally) -> None:
    """A workspace on a disk that cannot be written: what only reads works, the rest refuses."""
    before = place.contents
    _mount("--bind", str(mounted), str(mounted))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(mounted)], check=True)
    for name, words in COMMANDS.items():
        done = place.run(*words)
        if name in READING:
            assert done.code == 0, done.err
        elif done.code:
            check_refusal(done)
        tally.add("refused in a line" if done.code else "done")
    found = place.contents
    assert {file: held for file, held in found.items() if file in before} == before


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_without_the_right(place: Place, tally: Tally, mode: int) -> None:
    """A workspace that a user may not read, or not write."""
    work = place.root / "work"
    folders = [work, *(path for path in work.rglob("*") if path.is_dir())]
    before = place.contents
    names = sorted(COMMANDS)
    for name in names[:: len(names) // amount(5, len(names))]:
        for folder in reversed(folders):
            folder.chmod(mode)
        done = Child(place, COMMANDS[name], Fate(mortal=True)).wait()
        for folder in folders:
            folder.chmod(0o755)
        if done.code:
            check_refusal(done, lines=None)
        else:
            assert mode
        for made in ("again.toml", "inspect.html"):
            (place.root / made).unlink(missing_ok=True)
        assert place.contents == before
        tally.add("refused in a line" if done.code else "done")


def test_a_clock_that_jumps(
    place: Place,
    undisturbed: dict[str, dict[str, bytes]],
    tally: Tally,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that jumps back and forth, files from the past and the future, other time zones."""
    now = time.time
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: now() + (-1) ** next(jumps) * 40 * 365 * 86400)
    monkeypatch.setattr(time, "time_ns", lambda: int(time.time() * 1e9))
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    for name in QUICK:
        for stamp in (0, 2**31 + 5, 7 * 10**9):
            undo(place, name)
            for file in place.files:
                os.utime(place.root / file, (stamp, stamp))
            finish(place, name, undisturbed[name])
            tally.add("the same bytes")
    monkeypatch.undo()
    time.tzset()


def test_a_whole_check_with_a_clock_that_jumps(
    place: Place, undisturbed: dict[str, dict[str, bytes]]
) -> None:
    """The training check too, with files from the future."""
    if not TORTURE:
        pytest.skip("trains; in make torture")
    undo(place, "train-check")
    for file in place.files:
        os.utime(place.root / file, (7 * 10**9, 7 * 10**9))
    finish(place, "train-check", undisturbed["train-check"])
