"""Damaged files: refused in a line, or what comes out is right all the same."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.terminal import Finished
from tests.faults.amounts import LONG_CASES, Tally, amount
from tests.faults.damage import KINDS, damage, reseal
from tests.faults.place import COMMANDS, Place, check_refusal, told

pytestmark = pytest.mark.slow

OVERWRITES = ("embed", "arrange", "arrange by wsd", "export for jsonl", "export for trl")
TYPED = {
    **{name: [*words, "--json"] for name, words in COMMANDS.items()},
    **{f"{name} --overwrite": [*COMMANDS[name], "--overwrite", "--json"] for name in OVERWRITES},
}


class Undisturbed:
    """What every command says and leaves where nothing is damaged."""

    def __init__(self, place: Place) -> None:
        """Run them all, each in a place of its own."""
        self._found: dict[str, tuple[object, dict[str, bytes]]] = {}
        for name, words in TYPED.items():
            place.reset()
            done = place.run(*words)
            assert done.code == 0, (name, done.err)
            self._found[name] = (told(done), place.contents)

    def check(
        self, name: str, done: Finished, place: Place, damaged: str, left: bytes | None
    ) -> None:
        """What a command did with a damaged file is what it does with a whole one.

        Args:
            name: The command.
            done: With code 0.
            place: As the command left it.
            damaged: The damaged file.
            left: What it held; it may hold that still.
        """
        said, contents = self._found[name]
        found = place.contents
        if found.get(damaged) == left:
            found[damaged] = contents[damaged]
        files = found.keys() | contents.keys()
        different = {file for file in files if found.get(file) != contents.get(file)}
        if "inspect.html" in different:
            # Of what is gone the page shows less; of what is damaged, that it is.
            assert left is None or b"not shown: " in found["inspect.html"]
            different -= {"inspect.html"}
        again = damaged.startswith("work/embeddings/") and "--overwrite" in name
        if again or (damaged.startswith("work/shards/") and name.startswith("export")):
            # What is made again names the manifest that is there now.
            different = {file for file in different if not file.endswith("manifest.json")}
        if name.startswith("init"):
            # An order without its manifest is none, and is not repeated.
            different -= {"again.toml"}
        assert not different
        if name.startswith("verify"):
            # Without the input or the order shards are proven as far as that goes.
            verified = "work/shards/" if name == "verify" else "work/shards/nft/"
            if damaged.startswith(verified):
                assert damaged.endswith("manifest.json") and left is not None
                assert _proven(contents[damaged]) == _proven(left)
        elif left is not None and not name.startswith("init"):
            # Of what is gone less is told; of what is damaged, that it is.
            mark = {"explain": '"problem": "', "inspect": '"current": false'}.get(name.split()[0])
            assert told(done) == said or (mark is not None and mark in done.out)


def _proven(manifest: bytes) -> dict[str, object]:
    """What of a manifest of shards nothing but the manifest says is left out."""
    said = json.loads(manifest)
    alone = ("rows_per_shard", "stages", "tokenizer", "tokenizer_sha256")
    config = {
        name: value
        for name, value in said["config"].items()
        if name not in alone and not name.startswith("leak")
    }
    kept = {n: v for n, v in said.items() if n not in ("tool_version", "libraries", "leakage")}
    return kept | {"config": config}


@pytest.fixture(scope="module")
def undisturbed(made: Place) -> Undisturbed:
    """Run once."""
    return Undisturbed(made)


@settings(max_examples=amount(80, 2500), **LONG_CASES)
@given(data=st.data())
def test_a_damaged_file(
    place: Place, undisturbed: Undisturbed, tally: Tally, data: st.DataObject
) -> None:
    """Any file of the inputs or the workspace, damaged, and any command."""
    place.reset()
    file = data.draw(st.sampled_from(place.files), "file")
    kind = data.draw(st.sampled_from(KINDS), "damage")
    name = data.draw(st.sampled_from(sorted(TYPED)), "command")
    damage(place.root / file, kind, data)
    left = (place.root / file).read_bytes() if (place.root / file).is_file() else None
    done = place.run(*TYPED[name])
    if done.code:
        check_refusal(done, lines=None if name.startswith("verify") else 1)
        tally.add("refused in a line")
        return
    undisturbed.check(name, done, place, file, left)
    tally.add("done, and right")


@settings(max_examples=amount(80, 2500), **LONG_CASES)
@given(data=st.data())
def test_damage_that_every_digest_agrees_with(
    place: Place, tally: Tally, data: st.DataObject
) -> None:
    """A file of the workspace, damaged, and every digest made to agree with it."""
    place.reset()
    file = data.draw(st.sampled_from([file for file in place.files if file[:4] == "work"]), "file")
    kind = data.draw(st.sampled_from(KINDS), "damage")
    name = data.draw(st.sampled_from(sorted(TYPED)), "command")
    damage(place.root / file, kind, data)
    reseal(place)
    done = place.run(*TYPED[name])
    if done.code:
        check_refusal(done, lines=None if name.startswith("verify") else 1)
    tally.add("refused in a line" if done.code else "done")
