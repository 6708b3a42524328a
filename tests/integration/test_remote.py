"""Inputs and shards on a real S3 server, on this machine."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

import tma_prep.files
from tests.conftest import BUCKET
from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import DependencyError, InputError, TmaPrepError
from tma_prep.files import any_path, file_state, files_below, read_file
from tma_prep.options import ArrangeOptions, EmbedOptions
from tma_prep.rows.sources import find_files

pytest.importorskip("s3fs", reason="the extra s3 is not installed")
pytest.importorskip("moto.server", reason="moto's server is not installed")


def rows_of(side: str, count: int) -> list[dict[str, object]]:
    """Rows with vectors of their own, so that no model has to load."""
    draw = np.random.default_rng(len(side))
    vectors = draw.standard_normal((count, 8)).round(3).tolist()
    return [
        {"prompt": f"{side} {row}", "response": "yes", "vector": vector}
        for row, vector in enumerate(vectors)
    ]


@pytest.fixture(scope="module")
def inputs(s3: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files here and, beneath `in/`, on the server."""
    folder = tmp_path_factory.mktemp("inputs")
    train = rows_of("train", 900)
    text = "\n".join(map(json.dumps, train[:300]))
    (folder / "a.jsonl").write_text(text, encoding="utf-8")
    with gzip.open(folder / "b [1] ü.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(map(json.dumps, train[300:600])))
    pq.write_table(pa.Table.from_pylist(train[600:]), folder / "c.parquet", row_group_size=100)
    (folder / "test.json").write_text(json.dumps(rows_of("test", 20)), encoding="utf-8")
    for path in folder.iterdir():
        s3.upload_file(str(path), BUCKET, f"in/{path.name}")  # type: ignore[attr-defined]
    return folder


def embedded(where: str, work: Path, files: str = "*.jsonl*") -> Path:
    """A workspace made from the inputs here or there."""
    embed(
        EmbedOptions(
            train=[f"{where}/{files}"],
            test=[f"{where}/test.json"],
            out=work,
            vectors_column="vector",
        )
    )
    return work


def bytes_of(folder: Path, pattern: str) -> dict[str, bytes]:
    """Files by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}


@pytest.mark.parametrize("files", ["*.jsonl*", "c.parquet"])
def test_stores_and_shards_are_those_of_local_files(
    inputs: Path, tmp_path: Path, files: str
) -> None:
    """JSONL, gzip, JSON and Parquet; shards on the server too, read back by anyone."""
    out = f"s3://{BUCKET}/out-{len(files)}"
    here = embedded(str(inputs), tmp_path / "here", files)
    there = embedded(f"s3://{BUCKET}/in", tmp_path / "there", files)
    parts = bytes_of(here / "embeddings/train", "part-*")
    assert parts and parts == bytes_of(there / "embeddings/train", "part-*")
    arrange(ArrangeOptions(work=here, rows_per_shard=150))
    options = ArrangeOptions(work=there, rows_per_shard=150, shards_to=out)
    assert arrange(options).orders[0].folder == f"{out}/nft"
    shards = bytes_of(here / "shards/nft", "part-*")
    remote = {name: read_file(path) for name, path in files_below(any_path(f"{out}/nft")).items()}
    assert {name: remote[name] for name in shards} == shards
    assert len(shards) > 1 and "manifest.json" in remote
    assert not list(there.glob("shards/.*"))
    assert arrange(options).orders[0].kept


def test_a_sending_that_breaks_off_does_not_look_whole(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is sent last; the same command again sends everything."""
    work = embedded(str(inputs), tmp_path / "work")
    options = ArrangeOptions(work=work, rows_per_shard=200, shards_to=f"s3://{BUCKET}/broken")
    send = tma_prep.files._send
    sent: list[str] = []

    def fails(source: Path, target: UPath) -> None:
        if len(sent) == 3:
            raise InputError("the line went dead")
        sent.append(target.name)
        send(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(tma_prep.files, "_send", fails)
        with pytest.raises(InputError, match="went dead"):
            arrange(options)
    target = any_path(f"s3://{BUCKET}/broken/nft")
    assert len(files_below(target)) == 3 and "manifest.json" not in files_below(target)
    assert not arrange(options).orders[0].kept
    assert "manifest.json" in files_below(target) and arrange(options).orders[0].kept


def test_folders_and_globs(inputs: Path) -> None:
    """In the order of their names; what is no data is left out."""
    start = f"s3://{BUCKET}/in"
    folder = [path.name for path in find_files([start])]
    assert folder == ["a.jsonl", "b [1] ü.jsonl.gz", "c.parquet", "test.json"]
    assert [path.name for path in find_files([f"{start}/[ac].*"])] == ["a.jsonl", "c.parquet"]
    with pytest.raises(InputError, match="named twice"):
        find_files([start, f"{start}/a.jsonl"])


def test_a_file_that_changes_is_noticed(inputs: Path, s3: object) -> None:
    """By what the server tells of it, even at the same size."""
    put = s3.put_object  # type: ignore[attr-defined]
    put(Bucket=BUCKET, Key="changing.jsonl", Body=b"one")
    path = any_path(f"s3://{BUCKET}/changing.jsonl")
    before = file_state(path)
    put(Bucket=BUCKET, Key="changing.jsonl", Body=b"two")
    assert file_state(path) != before


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"s3://{BUCKET}/in/none.jsonl", "no such file"),
        ("s3://no-such-bucket-here/a.jsonl", "no such file|cannot be read"),
        (f"s3://{BUCKET}/in/*.parquetx", "no data file fits|no such"),
        ("s3://user:secret@host/a.jsonl", "holds a user or password"),
        ("nosuch://a/b.jsonl", "nosuch"),
        ("https://127.0.0.1:9/a.jsonl?token=1", "has a query"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_what_cannot_be_read_is_one_line(url: str, reason: str) -> None:
    """File, what is wrong, and no secret."""
    with pytest.raises(TmaPrepError, match=reason) as caught:
        find_files([url])
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip takes it."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(DependencyError, match=r"pip install 'tma-prep\[gcs\]'"):
        find_files(["gs://bucket/a.jsonl"])
