"""Verification proves whole shards, and names whatever is wrong with damaged ones."""

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.verify.damage import (
    ROWS,
    exchange,
    flip,
    forge,
    make_whole,
    order_table,
    put,
    training_rows,
)
from tma_prep.errors import ArtifactError
from tma_prep.progress import Silent
from tma_prep.shards.reader import open_shards
from tma_prep.verify.findings import CHECKS, MOST_FINDINGS, Findings, Proof
from tma_prep.verify.stage import verify_shards

FILES = [f"part-{number:05d}-of-00003.parquet" for number in range(3)]
Step = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards that nobody changes."""
    return make_whole(tmp_path_factory.mktemp("whole") / "rt")


@pytest.fixture
def shards(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "rt"))


def verified(folder: Path) -> Proof:
    """What is proven by the order and the training rows, findings a line each."""
    try:
        opened = open_shards(folder)
    except ArtifactError as error:
        return Findings([str(error)], set(CHECKS)).proof("rt", folder)
    findings = Findings(skipped={"ranking": "not here"})
    proof = verify_shards("rt", opened, order_table(), training_rows(), findings, Silent())
    assert not any("\n" in line for line in proof.findings)
    assert bool(proof.findings) == ("not proven" in proof.checks.values())
    return proof


def test_what_is_missing_is_not_proven(shards: Path) -> None:
    """No check is passed by what could not be looked at."""
    (shards / FILES[0]).unlink()
    states = verified(shards).checks
    assert set(states.values()) == {"not proven", "not here"}


def findings(folder: Path) -> list[str]:
    """What is wrong, without the folder's own path."""
    return [line.removeprefix(f"{folder}/") for line in verified(folder).findings]


def test_whole_shards_are_proven(whole: Path) -> None:
    """Every check of them."""
    checks = verified(whole).checks
    assert checks == dict.fromkeys(CHECKS, "proven") | {"ranking": "not here"}


def rewritten(file: str, change: Callable[[pa.Table], pa.Table]) -> Step:
    """Puts changed rows into a file."""
    return lambda folder: pq.write_table(change(pq.read_table(folder / file)), folder / file)


def replaced(file: str, change: Callable[[bytes], bytes]) -> Step:
    """Puts changed bytes into a file."""
    return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes()))


def swap_files(folder: Path) -> None:
    """Let the first two shards change names."""
    for old, new in ((FILES[0], "x"), (FILES[1], FILES[0]), ("x", FILES[1])):
        (folder / old).rename(folder / new)


def to_folder(folder: Path) -> None:
    """Put a folder in the place of the last shard."""
    (folder / FILES[2]).unlink()
    (folder / FILES[2]).mkdir()


def repeat_row(folder: Path) -> None:
    """Let a row of the first shard come again in the second."""
    put(folder / FILES[1], "tma_row", 3, pq.read_table(folder / FILES[0])["tma_row"][0].as_py())


def nullable_row(table: pa.Table) -> pa.Table:
    """`tma_row` may be null."""
    fields = [field.with_nullable(True) for field in table.schema if field.name == "tma_row"]
    place = table.column_names.index("tma_row")
    return table.cast(table.schema.set(place, fields[0]))


DAMAGES: dict[str, tuple[list[Step], str]] = {
    "a bit of a shard": (
        [lambda folder: flip(folder / FILES[1], 300)],
        rf"{FILES[1]}: its SHA-256 is not the manifest's.*positions 100 to 199",
    ),
    "a bit of the schedule": (
        [lambda folder: flip(folder / "schedule.json", 30)],
        r"schedule\.json: its SHA-256",
    ),
    "a space in the manifest": (
        [replaced("manifest.json", lambda text: text.replace(b'"seed": 0', b'"seed":  0'))],
        r"manifest\.json: is not written as arrange writes it",
    ),
    "files of other names": (
        [
            lambda folder: (folder / FILES[1]).rename(folder / "one.parquet"),
            replaced("manifest.json", lambda text: text.replace(FILES[1].encode(), b"one.parquet")),
        ],
        r"manifest\.json: lists its files otherwise than arrange does",
    ),
    "a manifest that is none": (
        [replaced("manifest.json", lambda _: b"\xff{")],
        r"manifest\.json: is damaged",
    ),
    "no manifest": ([lambda folder: (folder / "manifest.json").unlink()], r"no manifest\.json"),
    "a missing shard": (
        [lambda folder: (folder / FILES[1]).unlink()],
        rf"{FILES[1]}: is missing \(positions 100 to 199\)$",
    ),
    "a missing schedule": (
        [lambda folder: (folder / "schedule.json").unlink()],
        r"schedule\.json: is missing$",
    ),
    "a renamed shard": (
        [lambda folder: (folder / FILES[1]).rename(folder / "other.parquet")],
        rf"{FILES[1]}: is missing .*; its bytes are in other\.parquet",
    ),
    "swapped shards": ([swap_files], rf"{FILES[0]}: holds the bytes of {FILES[1]}"),
    "a truncated shard": (
        [replaced(FILES[2], lambda data: data[:-1])],
        rf"{FILES[2]}: has [\d,]+ bytes, and [\d,]+ by the manifest",
    ),
    "an empty shard": ([replaced(FILES[2], lambda _: b"")], rf"{FILES[2]}: has 0 bytes"),
    "a folder for a shard": ([to_folder], rf"{FILES[2]}: cannot be read"),
    "one file too many": (
        [lambda folder: (folder / "part-00003-of-00003.parquet").write_bytes(b"x")],
        r"part-00003-of-00003\.parquet: is too many",
    ),
    "swapped rows": (
        [lambda folder: exchange(folder / FILES[1], 3, 70), forge],
        rf"{FILES[1]}: positions 103, 170 \(tma_row \d+, \d+\): tma_position: not the position",
    ),
    "swapped rows by their order": (
        [lambda folder: exchange(folder / FILES[1], 3, 70, lambda n: n != "tma_position"), forge],
        rf"{FILES[1]}: positions 103, 170 .*: tma_row, tma_id, .*: not as in the order",
    ),
    "swapped texts": (
        [lambda folder: exchange(folder / FILES[1], 3, 70, lambda name: name == "prompt"), forge],
        rf"{FILES[1]}: positions 103, 170 .*: prompt: not as in the training rows",
    ),
    "a value": (
        [lambda folder: put(folder / FILES[1], "tags", 3, ["x"]), forge],
        rf"{FILES[1]}: position 103 \(tma_row \d+\): tags: not as in the training rows",
    ),
    "a sign of zero": (
        [lambda folder: put(folder / FILES[1], "score", 3, 0.0), forge],
        rf"{FILES[1]}: position 103 \(tma_row \d+\): score: not as in the training rows",
    ),
    "a row that is none": (
        [lambda folder: put(folder / FILES[0], "tma_row", 9, ROWS), forge],
        rf"{FILES[0]}: position 9: tma_row {ROWS} is no training row",
    ),
    "a row that comes twice": (
        [repeat_row, forge],
        rf"{FILES[1]}: position 103: tma_row \d+ came before",
    ),
    "a row less": (
        [rewritten(FILES[2], lambda table: table.slice(1)), forge],
        rf"{FILES[2]}: has 39 rows, and 40 by the manifest",
    ),
    "a column renamed": (
        [
            rewritten(FILES[1], lambda table: table.rename_columns({"tags": "labels"})),
            forge,
        ],
        rf"{FILES[1]}: lacks column 'tags' .*, has another column 'labels' ",
    ),
    "another type": (
        [rewritten(FILES[1], nullable_row), forge],
        rf"{FILES[1]}: lacks column 'tma_row' \(int64 not null\), has .* 'tma_row' \(int64\)",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_named(shards: Path, damage: str) -> None:
    """File, positions and what differs."""
    steps, expected = DAMAGES[damage]
    for step in steps:
        step(shards)
    found = findings(shards)
    assert any(re.search(expected, line) for line in found), found


def test_all_that_is_wrong_is_told(shards: Path) -> None:
    """And no more than so many lines, with the number of the rest."""
    folder = shards
    flip(folder / FILES[0], 300)
    (folder / FILES[1]).unlink()
    flip(folder / "schedule.json", 30)
    text = " ".join(findings(folder))
    assert all(name in text for name in (FILES[0], FILES[1], "schedule.json"))
    for number in range(30):
        (folder / f"extra-{number}").touch()
    proof = verified(folder)
    assert len(proof.findings) == MOST_FINDINGS and proof.findings_left_out >= 12


@pytest.mark.parametrize("file", [*FILES, "manifest.json", "schedule.json"])
def test_no_flipped_bit_is_overlooked(shards: Path, file: str) -> None:
    """Anywhere in any file: the file is named, and nothing else is raised."""
    path = shards / file
    data = path.read_bytes()
    draw = random.Random(file)
    # Most of what Arrow follows blindly stands in the footer.
    places = [*range(8), *(draw.randrange(len(data)) for _ in range(50))]
    places += [len(data) - 1 - draw.randrange(min(len(data), 3000)) for _ in range(50)]
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        found = verified(shards).findings
        if file == "manifest.json":
            assert found or proven_facts(data) == proven_facts(changed), place
        else:
            assert any(file in line for line in found), (place, found)


def proven_facts(manifest: bytes | bytearray) -> list[object]:
    """What of a manifest the files and rows prove; what options say is held against the order."""
    said = json.loads(manifest)
    return [said[name] for name in ("format_version", "kind", "rows", "files", "schedule")]


def test_no_bytes_raise(shards: Path) -> None:
    """Cut anywhere, and filled with anything."""
    draw = random.Random(0)
    for file in (*FILES[:1], "manifest.json", "schedule.json"):
        data = (shards / file).read_bytes()
        for cut in (0, 1, 4, len(data) // 2, len(data) - 4):
            for rest in (b"", draw.randbytes(100), bytes(len(data) - cut), data[cut:] * 2):
                (shards / file).write_bytes(data[:cut] + rest)
                assert verified(shards).findings
        (shards / file).write_bytes(data)
    assert not verified(shards).findings
