"""The consumption log: what counts in it, and what it is when held against shards."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tma_prep.durable import sha256_of
from tma_prep.errors import ArtifactError
from tma_prep.shards.reader import ShardFolder
from tma_prep.trainers.consumed import ConsumedLog, compare, log_name
from tma_prep_schemas import ConsumedStart, FileEntry, ShardsManifest

ROWS, BATCH = 24, 2


@pytest.fixture
def shards(tmp_path: Path) -> ShardFolder:
    """What a manifest says of two files of 14 and 10 rows."""
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    files = [
        FileEntry(file=f"part-{n}.parquet", rows=rows, bytes=1, sha256="0" * 64)
        for n, rows in enumerate((14, 10))
    ]
    return ShardFolder(folder, ShardsManifest.model_construct(files=files))


def start(shards: ShardFolder, rank: int = 0, world_size: int = 1, **more: int) -> ConsumedStart:
    """A start line for these shards."""
    facts: dict[str, Any] = {"first_batch": 0, "rows_per_batch": BATCH, "batches_per_step": 1}
    return ConsumedStart(
        rank=rank,
        world_size=world_size,
        rows=ROWS,
        shards=sha256_of(shards.path / "manifest.json"),
        **(facts | more),
    )


def write(
    folder: Path, begin: ConsumedStart, batches: Iterable[Sequence[int]], *, first: int = 0
) -> None:
    """One run of one process."""
    log = ConsumedLog(folder, begin)
    for number, positions in enumerate(batches, first):
        log.add(number, list(positions))
    log.close()


def in_order(rank: int = 0, world_size: int = 1, rows: int = ROWS) -> list[range]:
    """What accelerate gives to a process."""
    firsts = range(rank * BATCH, rows, BATCH * world_size)
    return [range(first, min(first + BATCH, rows)) for first in firsts]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_rows_in_order_are_whole(tmp_path: Path, shards: ShardFolder, world_size: int) -> None:
    """However many processes shared them."""
    for rank in range(world_size):
        write(tmp_path / "log", start(shards, rank, world_size), in_order(rank, world_size))
    found = compare(tmp_path / "log", shards)
    assert found.findings == []
    facts = found.facts
    assert (facts.rows, facts.rows_in_order, facts.ranks, facts.batches, facts.whole) == (
        ROWS,
        ROWS,
        world_size,
        ROWS // BATCH,
        True,
    )


def test_a_training_that_stopped_early_is_in_order_and_not_whole(
    tmp_path: Path, shards: ShardFolder
) -> None:
    """It is no finding that rows are still to come."""
    write(tmp_path / "log", start(shards), in_order()[:5])
    found = compare(tmp_path / "log", shards)
    assert found.findings == []
    facts = found.facts
    assert (facts.rows, facts.rows_missing, facts.whole) == (10, ROWS - 10, False)


def test_a_resumed_run_takes_back_what_is_trained_again(
    tmp_path: Path, shards: ShardFolder
) -> None:
    """Batches after the checkpoint, whatever they were, and a line that was being written."""
    log = tmp_path / "log"
    write(log, start(shards), [*in_order()[:6], [20, 3], [1, 1]])
    with (log / log_name(0, 1)).open("a", encoding="utf-8") as stream:
        stream.write('{"kind":"batch","batch":8,"pos')
    assert "micro-batch 6, row 0" in compare(log, shards).findings[0]
    write(log, start(shards, first_batch=4), in_order()[4:], first=4)
    found = compare(log, shards)
    assert found.findings == []
    assert found.facts.whole


def test_a_new_training_in_the_same_folder_takes_back_all(
    tmp_path: Path, shards: ShardFolder
) -> None:
    """Its rows are not mixed with those of the one before."""
    write(tmp_path / "log", start(shards), in_order())
    write(tmp_path / "log", start(shards), in_order()[:3])
    assert compare(tmp_path / "log", shards).facts.rows == 3 * BATCH


def test_the_first_row_out_of_order_is_named(tmp_path: Path, shards: ShardFolder) -> None:
    """With rank, batch, row and what came; and how many rows came twice or never."""
    for rank in range(2):
        batches = [list(batch) for batch in in_order(rank, 2)]
        if rank == 1:
            batches[3] = [14, 9]
        write(tmp_path / "log", start(shards, rank, 2), batches)
    found = compare(tmp_path / "log", shards)
    assert found.facts.rows_in_order == 15
    assert "tma_position 15 was expected and 9 came" in found.findings[0]
    assert "rank 1 of 2, micro-batch 3, row 1 of 2" in found.findings[0]
    assert "1 row came more than once, the first tma_position 9" in found.findings[1]
    assert "never came, the first tma_position 15" in found.findings[2]
    assert not found.facts.whole


def test_rows_after_the_last_are_a_finding(tmp_path: Path, shards: ShardFolder) -> None:
    """A second epoch repeats the order."""
    write(tmp_path / "log", start(shards), [*in_order(), *in_order()[:2]])
    found = compare(tmp_path / "log", shards)
    assert "all 24 rows had come and tma_position 0 came after them" in found.findings[0]
    assert "num_train_epochs=1" in found.findings[0]


def test_a_log_that_lacks_batches_is_no_proof(tmp_path: Path, shards: ShardFolder) -> None:
    """Whether a resumed run began a new log, or one process's file ends too early."""
    write(tmp_path / "new", start(shards, first_batch=4), in_order()[4:], first=4)
    found = compare(tmp_path / "new", shards)
    assert "micro-batches 0 to 3 are missing" in found.findings[0]
    assert len(found.findings) == 1
    assert not found.facts.whole

    for rank, kept in ((0, 6), (1, 2)):
        write(tmp_path / "torn", start(shards, rank, 2), in_order(rank, 2)[:kept])
    found = compare(tmp_path / "torn", shards)
    assert "ends at micro-batch 1, and another process went on to 5" in found.findings[0]
    assert not found.facts.whole

    write(tmp_path / "one", start(shards, first_batch=1), in_order()[1:], first=1)
    assert "micro-batch 0 is missing" in compare(tmp_path / "one", shards).findings[0]
    (tmp_path / "torn" / log_name(1, 2)).write_bytes(b"")
    found = compare(tmp_path / "torn", shards)
    assert "holds none, and another process went on to 5" in found.findings[0]


def test_processes_that_died_within_a_step_of_each_other_are_no_finding(
    tmp_path: Path, shards: ShardFolder
) -> None:
    """They meet once a step only."""
    for rank, kept in ((0, 6), (1, 4)):
        begin = start(shards, rank, 2, batches_per_step=2)
        write(tmp_path / "log", begin, in_order(rank, 2)[:kept])
    found = compare(tmp_path / "log", shards)
    assert found.findings == []
    assert found.facts.rows == 9 * BATCH


def test_the_log_of_other_shards_is_a_finding(tmp_path: Path, shards: ShardFolder) -> None:
    """Even if its rows are in order."""
    write(tmp_path / "log", start(shards), in_order())
    (shards.path / "manifest.json").write_text("{ }", encoding="utf-8")
    found = compare(tmp_path / "log", shards)
    assert "is the log of other shards" in found.findings[0]
    assert not found.facts.whole


def test_a_log_is_not_mixed_with_another(tmp_path: Path, shards: ShardFolder) -> None:
    """Other shards, another number of processes, a resume with other batches."""
    log = tmp_path / "log"
    write(log, start(shards), in_order()[:4])
    with pytest.raises(ArtifactError, match="another number of processes .* as before"):
        ConsumedLog(log, start(shards, 1, 2))
    with pytest.raises(ArtifactError, match="rows_per_batch 2 and is resumed with 4"):
        ConsumedLog(log, start(shards, first_batch=2, rows_per_batch=4))
    with pytest.raises(ArtifactError, match="batches_per_step 1 and is resumed with 2"):
        ConsumedLog(log, start(shards, first_batch=2, batches_per_step=2))
    (shards.path / "manifest.json").write_text("{ }", encoding="utf-8")
    with pytest.raises(ArtifactError, match="is the log of other shards; give every training"):
        ConsumedLog(log, start(shards))


def test_a_folder_without_a_whole_log_is_refused(tmp_path: Path, shards: ShardFolder) -> None:
    """No log, a process missing, two trainings in one folder, a file in the way."""
    with pytest.raises(ArtifactError, match="holds no consumption log"):
        compare(tmp_path / "log", shards)
    write(tmp_path / "log", start(shards, 1, 2), in_order(1, 2))
    with pytest.raises(ArtifactError, match="rank-00000-of-00002.jsonl: is missing"):
        compare(tmp_path / "log", shards)
    impossible = tmp_path / "log" / log_name(2, 2)
    for path in (impossible, tmp_path / "log" / log_name(0, 2)):
        path.touch()
    with pytest.raises(ArtifactError, match="of-00002.jsonl: is the log of no process among 2"):
        compare(tmp_path / "log", shards)
    impossible.write_bytes(bytes(99))
    impossible.replace(tmp_path / "log" / log_name(0, 2))
    with pytest.raises(ArtifactError, match="rank-00000-of-00002.jsonl: line 1 is no line"):
        compare(tmp_path / "log", shards)
    (tmp_path / "log" / log_name(0, 1)).touch()
    with pytest.raises(ArtifactError, match="holds logs of 1 and 2 processes"):
        compare(tmp_path / "log", shards)
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="cannot be written"):
        ConsumedLog(tmp_path / "file", start(shards))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"kind": "batch", "batch": 0, "positions": [0]}, "is micro-batch 0 after 1"),
        ({"kind": "batch", "batch": 2, "positions": [2**70]}, "is no line"),
        ({"kind": "batch", "batch": 2, "positions": [1], "more": 1}, "is no line"),
        ({"kind": "other"}, "is no line"),
        ("nothing", "is no line"),
    ],
)
def test_a_damaged_line_is_named(
    tmp_path: Path, shards: ShardFolder, line: object, why: str
) -> None:
    """By file and number."""
    write(tmp_path / "log", start(shards), in_order()[:2])
    path = tmp_path / "log" / log_name(0, 1)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
    with pytest.raises(ArtifactError, match=f"{log_name(0, 1)}: line 4 {why}"):
        compare(tmp_path / "log", shards)


def test_a_file_of_another_process_is_named(tmp_path: Path, shards: ShardFolder) -> None:
    """Renamed, or with its start cut off."""
    write(tmp_path / "log", start(shards, 0, 2), in_order(0, 2))
    (tmp_path / "log" / log_name(0, 2)).rename(tmp_path / "log" / log_name(0, 1))
    with pytest.raises(ArtifactError, match="line 1 is of another process"):
        compare(tmp_path / "log", shards)
    path = tmp_path / "log" / log_name(0, 1)
    path.write_text(path.read_text("utf-8").partition("\n")[2], encoding="utf-8")
    with pytest.raises(ArtifactError, match="line 1 is a batch before any start"):
        compare(tmp_path / "log", shards)
