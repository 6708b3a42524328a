"""A command in a process of its own that loads nothing: stopped, starved or watched as it runs.

The processes are forked from one that has imported everything, so that a run takes its own time
and not that of the imports.
"""

import ctypes
import errno
import importlib
import io
import os
import resource
import shutil
import signal
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

from tests.cli.terminal import Finished
from tests.faults.amounts import TORTURE
from tests.faults.place import Place
from tests.forked import forkserver
from tma_prep_cli.main import run

_LOADED = [
    *("embeddings", "arrange", "trainers", "recipe"),
    *(["checks.experiment"] if TORTURE else []),
]
for _name in _LOADED:
    # Commands load these when they are needed; a forked process has them already.
    importlib.import_module(f"tma_prep.{_name}")

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link")
_NEEDS_ROOM = ("open", "os.mkdir", "os.rename")


@dataclass(frozen=True)
class Fate:
    """What becomes of a run.

    Attributes:
        step: Before which change of the disk by Python it happens, from 1; None for never.
        kind: Killed, or every change from then on that needs room fails.
        file_bytes: No file may become longer.
        mortal: Rights of files hold for it, even where it is root.
    """

    step: int | None = None
    kind: Literal["kill", "full"] = "kill"
    file_bytes: int | None = None
    mortal: bool = False


class Child:
    """A command that runs in a place."""

    def __init__(self, place: Place, words: list[str], fate: Fate) -> None:
        """Start it."""
        self._told = place.root.with_name("told")
        shutil.rmtree(self._told, ignore_errors=True)
        self._told.mkdir()
        self._told.chmod(0o777)
        self.process: BaseProcess = forkserver().Process(
            target=_run, args=(place.root, words, fate, self._told)
        )
        self.process.start()

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()

    def wait(self) -> Finished:
        """To its end, whatever that is; a code below 0 is the signal that ended it."""
        self.process.join(300)
        assert self.process.exitcode is not None
        files = [self._told / name for name in ("out", "err")]
        out, err = (file.read_text("utf-8") if file.exists() else "" for file in files)
        return Finished(self.process.exitcode, out, err)

    @property
    def steps(self) -> int:
        """How often it changed the disk."""
        return int((self._told / "steps").read_text())


def _run(root: Path, words: list[str], fate: Fate, told: Path) -> None:
    """What the process does."""
    out, err = sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    os.chdir(root)
    watch = _watch(root, fate)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if fate.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fate.file_bytes, most))
    if fate.mortal:
        _heed_rights()
    code = run(words)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    for name, text in (("out", out.getvalue()), ("err", err.getvalue()), ("steps", str(watch[0]))):
        (told / name).write_text(text, encoding="utf-8")
    sys.exit(code)


def _heed_rights() -> None:
    """Drop what lets root read and write against the rights of files."""
    libc = ctypes.CDLL(None, use_errno=True)
    # linux/capability.h: version 3, and twice effective, permitted and inheritable.
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for place in range(3):
        sets[place] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0


def _watch(root: Path, fate: Fate) -> list[int]:
    """Count changes of the disk below a folder, and let fate have its way at one of them."""
    count = [0]
    inside = str(root)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        if not isinstance(path, str | bytes | os.PathLike):
            return
        if not os.path.abspath(os.fsdecode(path)).startswith(inside):
            return
        count[0] += 1
        if fate.step is None or count[0] < fate.step:
            return
        if fate.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif event in _NEEDS_ROOM:
            raise OSError(errno.ENOSPC, "No space left on device", os.fsdecode(path))

    sys.addaudithook(hook)
    return count
