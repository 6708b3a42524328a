"""A workspace from somebody else: links that leave it, and manifests that name what they like."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.terminal import Finished
from tests.faults.amounts import LONG_CASES, Tally, amount
from tests.faults.damage import reseal
from tests.faults.place import COMMANDS, Place, check_refusal

pytestmark = pytest.mark.slow

SECRET = "a line that nobody may see or change"
WRITING = ("embed", "arrange", "arrange by wsd", "export for jsonl", "train-check", "run")
LINKED = (
    *(".lock", "embeddings", "embeddings/train", "embeddings/.train.partial", "neighbors"),
    *(
        "rankings",
        "rankings/tma/manifest.json",
        "orders/nft/order.parquet",
        "orders/.nft.partial",
    ),
    *("leakage", ".leakage.partial", "shards", "shards/.nft.partial", "shards/nft"),
    *("shards/nft/part-00000-of-00003.parquet", "checks", "exports", "shards/.x.retired"),
)


class Outside:
    """A folder that no command has any business in."""

    def __init__(self, root: Path) -> None:
        """Put a file and a folder there."""
        self.root = root
        (root / "folder").mkdir(parents=True)
        for name in ("file", "folder/manifest.json", "folder/inner"):
            (root / name).write_text(SECRET, encoding="utf-8")
        self._before = self._state()

    def _state(self) -> dict[str, tuple[int, bytes]]:
        files = [path for path in sorted(self.root.rglob("*")) if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    def check(self, place: Place, done: Finished) -> None:
        """Nothing was written there, and nothing of it is told or taken along."""
        assert self._state() == self._before
        assert SECRET not in done.out + done.err
        copied = [name for name, held in place.contents.items() if SECRET.encode() in held]
        links = {name for name in copied if os.path.islink(place.root / name)}
        assert not set(copied) - links - {name for name in copied if self._is_linked(place, name)}

    def _is_linked(self, place: Place, name: str) -> bool:
        real = os.path.realpath(place.root / name)
        return os.path.commonpath([real, str(self.root)]) == str(self.root)


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    """Made anew."""
    return Outside(tmp_path / "outside")


def _replace(path: Path, target: Path) -> None:
    """Put a link in place of whatever is there; what was there goes behind it."""
    if path.is_dir():
        path.rename(path.with_name("set-aside"))
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)


def _link_cases() -> list[tuple[str, str, str]]:
    """What is linked, to what, and the command; of all of them as many as are asked for, spread."""
    cases = [
        (linked, target, name)
        for linked in LINKED
        for target in ("file" if linked.endswith(("lock", "json", "parquet")) else "folder", "gone")
        for name in COMMANDS
    ]
    return cases[:: max(1, len(cases) // amount(40, len(cases)))]


def test_a_link_out_of_the_workspace(place: Place, outside: Outside, tally: Tally) -> None:
    """A link out of the workspace, at any place in it, and every command."""
    for linked, target, name in _link_cases():
        place.reset()
        _replace(place.root / "work" / linked, outside.root / target)
        done = place.run(*COMMANDS[name], *(["--overwrite"] if name in WRITING else []))
        if name in WRITING:
            check_refusal(done)
            assert re.search("is a link that leaves the workspace|is not a workspace", done.err)
        elif done.code:
            check_refusal(done, lines=None)
        outside.check(place, done)
        tally.add("refused in a line" if done.code else "done without it")


def test_links_that_may_be(place: Place, tally: Tally) -> None:
    """Links that are allowed: to inputs, to a workspace, and within one."""
    work = place.root / "work"
    for moved in (place.root / "in" / "train.jsonl", work):
        moved.rename(place.root / f"real-{moved.name}")
        moved.symlink_to(place.root / f"real-{moved.name}")
    orders = work / "orders" / "nft" / "order.parquet"
    orders.rename(orders.with_name("real.parquet"))
    orders.symlink_to("real.parquet")
    for name, words in COMMANDS.items():
        done = place.run(*words)
        assert done.code == 0, (name, done.err)
        tally.add("done")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_neither_file_nor_folder(place: Place, tally: Tally, kind: str) -> None:
    """A pipe or a socket in place of an input, and of a file of the workspace."""
    for path, message in (
        ("in/train.jsonl", "is a pipe or a device"),
        ("work/orders/nft/manifest.json", "is neither a file nor a folder"),
    ):
        place.reset()
        (place.root / path).unlink()
        if kind == "pipe":
            os.mkfifo(place.root / path)
        else:
            os.mknod(place.root / path, 0o140600)
        done = place.run(*COMMANDS["embed"])
        check_refusal(done)
        assert message in done.err
        tally.add("refused in a line")


VALUES = st.one_of(
    st.sampled_from(
        [
            *("../../outside/file", "../outside/folder/inner", "/etc/passwd", ".", "..", "", "/"),
            *("a\x00b", "a\nb", "\x1b[2J", "nft", "0" * 64, "x" * 5000, "-rf", "$(touch x)"),
        ]
    ),
    st.sampled_from([0, -1, 1, 2**31, 2**63, 10**30, 0.5, float("1e308"), True, None]),
    st.sampled_from([[], {}, [[]], ["../x"], {"file": "../x"}]),
)


def _paths(value: object, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    below = [path for key, one in inner for path in _paths(one, (*here, key))]
    return [here, *below] if here else below


@settings(max_examples=amount(60, 2500), **LONG_CASES)
@given(data=st.data())
def test_a_manifest_that_says_anything(
    place: Place, tally: Tally, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any value of any manifest replaced by another, with every digest made to agree."""
    place.reset()
    outside = Outside(tmp_path_factory.mktemp("outside") / "outside")
    manifests = [name for name in place.files if name[:5] == "work/" and name.endswith("json")]
    path = place.root / data.draw(st.sampled_from(manifests), "manifest")
    values = json.loads(path.read_text(encoding="utf-8"))
    where = data.draw(st.sampled_from(_paths(values)), "key")
    inner = values
    for key in where[:-1]:
        inner = inner[key]
    value = data.draw(VALUES, "value")
    if isinstance(value, str) and value.startswith(".."):
        value = os.path.join(os.path.relpath(outside.root, path.parent), "file")
    inner[where[-1]] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    if data.draw(st.booleans(), "digests agree"):
        reseal(place)
    name = data.draw(st.sampled_from(sorted(COMMANDS)), "command")
    done = place.run(*COMMANDS[name])
    if done.code:
        check_refusal(done, lines=None if name.startswith("verify") else 1)
    outside.check(place, done)
    tally.add("refused in a line" if done.code else "done")
