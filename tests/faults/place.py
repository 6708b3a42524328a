"""A small pool, a workspace in which every command has run, and the commands as a table."""

import contextlib
import io
import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.cli.terminal import Finished
from tests.forked import forked_workers
from tma_prep.durable import sha256_of
from tma_prep_cli.main import run as run_command

ROWS, TESTS = 60, 6
OBEYED = (
    "<script>document.title = 'obeyed'</script><img src=x onerror=\"document.title='obeyed'\">",
    "\x1b[2J\x1b]0;obeyed\x07\x9b31m\r\b",
    "\u202e[bold red]obeyed[/] & </table></style>",
    "",
)
"""Parts of texts and names: nothing may do what they say."""
EMBED = ["embed", "--train", "in/train.jsonl", "--test", "in/test.jsonl", "--vectors-column", "v"]
SMALL = ["--vocabulary", "320", "--max-tokens", "32", "--batch-size", "4", "--base-steps", "0"]
CHECK = ["train-check", "work", "--order", "nft", "--order", "rt", "--quick", *SMALL]

COMMANDS: dict[str, list[str]] = {
    "embed": [*EMBED, "--rows-per-part", "25", "--out", "work"],
    "arrange": ["arrange", "work", "--order", "nft", "--order", "rt", "--rows-per-shard", "25"],
    "arrange by wsd": ["arrange", "work", "--ranking", "wsd", "--name", "wsd"],
    "train-check": [*CHECK, "--steps", "2", "--workers", "1"],
    "export for jsonl": ["export", "work", "--name", "nft", "--for", "jsonl"],
    "export for trl": ["export", "work", "--name", "rt", "--for", "trl"],
    "verify": ["verify", "work"],
    "verify --consumed": ["verify", "work/shards/nft", "--consumed", "log"],
    "explain --position": ["explain", "work", "--position", "7"],
    "explain --test": ["explain", "work", "--name", "rt", "--test", "3"],
    "inspect": ["inspect", "work"],
    "inspect --html": ["inspect", "work", "--html", "--out", "inspect.html"],
    "compare": ["compare", "work", "work"],
    "run": ["run", "tma.toml"],
    "init --from": ["init", "again.toml", "--from", "work"],
}
"""What is typed, in a folder that holds `in`, `work`, `log` and `tma.toml`. A new command is one
line here."""

RUN_FILE = """
[embed]
train = ["in/train.jsonl"]
test = ["in/test.jsonl"]
out = "work"
vectors-column = "v"
rows-per-part = 25

[arrange]
order = ["nft", "rt"]
rows-per-shard = 25
"""
"""`tma.toml`, which says what has been done."""

BUILD = ("embed", "arrange", "train-check")
"""What has run already in the workspaces that tests get."""


@dataclass(frozen=True)
class Place:
    """A folder with inputs, a workspace and a log of a training, which commands run in.

    Attributes:
        root: The folder; manifests name the inputs by their whole path, so that it stays there.
        whole: What it was when everything in it was made.
    """

    root: Path
    whole: Path

    def reset(self) -> None:
        """Make everything as it was."""
        shutil.rmtree(self.root)
        shutil.copytree(self.whole, self.root)

    def run(self, *arguments: str) -> Finished:
        """Run the command line in this process, in this folder."""
        before = signal.getsignal(signal.SIGTERM)
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            forked_workers(),
        ):
            code = run_command(list(arguments))
        signal.signal(signal.SIGTERM, before)
        return Finished(code, out.getvalue(), err.getvalue())

    @property
    def files(self) -> list[str]:
        """Every file, sorted, the locks apart."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_file() and path.name != ".lock"
        )

    @property
    def contents(self) -> dict[str, bytes]:
        """What the files hold, but for those that tell of a day and a machine."""
        names = (name for name in self.files if not name.endswith("/log.json"))
        return {name: (self.root / name).read_bytes() for name in names}


def make_place(root: Path) -> Place:
    """Rows with vectors and tasks of their own, and every command of `BUILD` on them."""
    place = Place(root / "place", root / "whole")
    inputs = place.root / "in"
    inputs.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for side, count in (("train", ROWS), ("test", TESTS)):
        rows = [
            {
                "prompt": f"What are {n} and {n % 7}, added for the {side} set? {OBEYED[n % 4]}",
                "response": f"They are {n + n % 7} in all.",
                "task": f"t{n % 3}{OBEYED[n % 3]}",
                "id": f"{side} {n} {OBEYED[n % 4]}",
                "v": vector,
            }
            for n, vector in enumerate(draw.standard_normal((count, 8)).round(3).tolist())
        ]
        write_lines(inputs / f"{side}.jsonl", rows)
    for name in BUILD:
        done = place.run(*COMMANDS[name])
        assert done.code == 0, done.err
    (place.root / "tma.toml").write_text(RUN_FILE, encoding="utf-8")
    _write_log(place)
    shutil.copytree(place.root, place.whole)
    return place


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """As JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _write_log(place: Place) -> None:
    """The log of a training that took every row of nft in order."""
    (place.root / "log").mkdir()
    manifest = sha256_of(place.root / "work/shards/nft/manifest.json")
    start = {"kind": "start", "rank": 0, "world_size": 1, "rows": ROWS, "shards": manifest}
    start |= {"first_batch": 0, "rows_per_batch": 10, "batches_per_step": 1}
    batches = [
        {"kind": "batch", "batch": n, "positions": list(range(10 * n, 10 * n + 10))}
        for n in range(ROWS // 10)
    ]
    write_lines(place.root / "log" / "rank-00000-of-00001.jsonl", [start, *batches])


def told(finished: Finished) -> object:
    """What a command says with `--json`, but for times and for what was there already."""

    def kept(value: object) -> object:
        if isinstance(value, dict):
            names = ("seconds", "kept", "searched")
            return {name: kept(one) for name, one in value.items() if name not in names}
        return [kept(one) for one in value] if isinstance(value, list) else value

    return kept(finished.json)


def check_refusal(finished: Finished, *, lines: int | None = 1) -> None:
    """A refusal is a line that a person can read: no traceback, no defect, nothing obeyed.

    Args:
        finished: With another code than 0.
        lines: How many errors there may be; None for any number.
    """
    assert finished.code in (1, 2), finished
    errors = [line for line in finished.err.splitlines() if line.startswith("error: ")]
    assert errors and (lines is None or len(errors) == lines), finished.err
    assert finished.err.splitlines()[-1].startswith("error: "), finished.err
    for never in ("Traceback", "defect in tma-prep", "\x1b", "Errno"):
        assert never not in finished.err, finished.err
