"""Inputs on servers of this machine: S3, and the plainest of web servers."""

import functools
import gzip
import http.server
import json
import os
import random
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.conftest import BUCKET
from tests.rows.folder import Folder, json_lines, read
from tma_prep.errors import InputError
from tma_prep.files import any_path
from tma_prep.rows.columnar import columnar_schema
from tma_prep.rows.read_rows import ReadOptions
from tma_prep.rows.reading import read_files
from tma_prep.rows.sources import find_files

pytest.importorskip("s3fs", reason="the extra s3 is not installed")
pytest.importorskip("moto.server", reason="moto's server is not installed")

ROWS = [{"prompt": f"p{row}", "response": f"r{row}", "task": "t"} for row in range(40)]
ODD_NAMES = ["a b.jsonl", "#1.jsonl", "x?y.jsonl", "100%25.jsonl", "ü.jsonl", "[z].jsonl"]


def put(s3: Any, folder: Path, below: str) -> str:  # noqa: ANN401 - boto3 has no types
    """Upload a folder; its URL."""
    for path in folder.rglob("*"):
        if path.is_file():
            s3.upload_file(str(path), BUCKET, f"{below}/{path.relative_to(folder).as_posix()}")
    return f"s3://{BUCKET}/{below}"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and its address on a server that knows no ranges."""
    folder = tmp_path_factory.mktemp("web")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def send_head(self) -> Any:  # noqa: ANN401 - as it is inherited
            if "secret" in self.path:
                self.send_error(403)
                return None
            return super().send_head()

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def refused(url: str) -> str:
    """The one line with which it is."""
    with pytest.raises(InputError) as caught:
        read(url)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(url)
    return message


def test_every_container_reads_as_it_does_here(s3: Any, folder: Folder) -> None:  # noqa: ANN401
    """JSON lines, arrays, Parquet, Arrow files and streams, plain and compressed."""
    table, lines = pa.Table.from_pylist(ROWS), json_lines(ROWS).encode()
    folder.write("a.jsonl", lines)
    folder.write("b.jsonl.gz", gzip.compress(lines))
    folder.write("c.jsonl.zst", zstandard.compress(lines))
    folder.write("d.json", json.dumps(ROWS))
    folder.write("e.parquet", table)
    folder.write("f.arrow", table)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    folder.write("g.arrow", stream.getvalue().to_pybytes())
    folder.write("h.arrow.gz", gzip.compress(Path(folder.root, "f.arrow").read_bytes()))
    folder.write("i.parquet.zst", zstandard.compress(Path(folder.root, "e.parquet").read_bytes()))
    url = put(s3, folder.root, "containers")
    for path in sorted(folder.root.iterdir()):
        here, there = read(str(path)), read(f"{url}/{path.name}")
        assert there.exchanges == here.exchanges
        assert there.table.equals(here.table)


def test_folders_are_in_the_order_of_local_ones(s3: Any, folder: Folder) -> None:  # noqa: ANN401
    """Part by part of the path; what is hidden is left out."""
    names = ["a/2.jsonl", "a-b/1.jsonl", "a.jsonl", "Z.jsonl", "_meta.jsonl", ".x/1.jsonl", "n.md"]
    for name in names:
        folder.lines(name, ROWS[0])
    url = put(s3, folder.root, "order")
    root = str(folder.root)
    here = [str(path).removeprefix(f"{root}/") for path in find_files([root])]
    there = [str(path).removeprefix(f"{url}/") for path in find_files([url])]
    assert there == here and len(there) == 4
    assert [str(path) for path in find_files([f"{url}/**/*.jsonl"])] == [
        f"{url}/{name}" for name in ["Z.jsonl", "_meta.jsonl", *here[1:]]
    ]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(s3: Any, name: str) -> None:  # noqa: ANN401
    """By name and by folder."""
    s3.put_object(Bucket=BUCKET, Key=f"odd/{name}/{name}", Body=json_lines(ROWS).encode())
    url = f"s3://{BUCKET}/odd/{name}"
    (found,) = find_files([url])
    assert str(found) == f"{url}/{name}"
    assert any_path(str(found)) == found
    assert len(read(str(found)).instances) == len(ROWS)


def test_a_saved_dataset(s3: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Its own files in its own order; a folder of splits wants one of them."""
    saved = datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)})
    saved.save_to_disk(str(tmp_path), num_shards={"train": 3})
    url = put(s3, tmp_path, "saved")
    assert f"name one of them, as in {url}/train" in refused(url)
    assert [row[0] for row in read(f"{url}/train").exchanges] == [row["prompt"] for row in ROWS]


def test_a_schema_costs_a_footer(
    s3: Any,  # noqa: ANN401
    folder: Folder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Files are fetched whole once, and not to learn their columns."""
    texts = {name: [row[name] for row in ROWS] for name in ("prompt", "response")}
    wide = pa.table(texts | {"image": [bytes(range(256)) * 800] * len(ROWS)})
    path = folder.root / "wide.parquet"
    pq.write_table(wide, path, compression="none", use_dictionary=False)
    lines = folder.root / "long.jsonl"
    lines.write_text(json_lines([{**row, "x": "y" * 99_000} for row in ROWS]), encoding="utf-8")
    url = put(s3, folder.root, "wide")
    import s3fs.core

    fetched = []
    fetch = s3fs.core.S3File._fetch_range

    def counted(self: Any, start: int, end: int) -> bytes:  # noqa: ANN401
        data: bytes = fetch(self, start, end)
        fetched.append(len(data))
        return data

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", counted)
    (there,) = find_files([f"{url}/wide.parquet"])
    schema = columnar_schema(there)
    assert schema is not None and schema.equals(wide.schema)
    footer = sum(fetched)
    assert footer < path.stat().st_size // 10
    fetched.clear()
    assert len(read(f"{url}/wide.parquet").instances) == len(ROWS)
    assert sum(fetched) <= path.stat().st_size + footer
    fetched.clear()
    assert len(read(f"{url}/long.jsonl").instances) == len(ROWS)
    assert sum(fetched) == lines.stat().st_size


def test_a_file_that_changes_under_the_reader(s3: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """It is refused, and not read half old, half new."""
    line = json_lines([{"prompt": "p" * 1000, "response": "r"}]).encode()
    s3.put_object(Bucket=BUCKET, Key="moving.jsonl", Body=line * 30_000)
    done: list[int] = []

    def advance(rows: int) -> None:
        if not done:
            s3.put_object(Bucket=BUCKET, Key="moving.jsonl", Body=line.upper() * 30_000)
        done.append(rows)

    files = find_files([f"s3://{BUCKET}/moving.jsonl"])
    with pytest.raises(InputError, match=r"moving.jsonl: changed while it was read; run"):
        read_files(files, tmp_path, ReadOptions(), advance)
    assert 0 < sum(done) < 30_000


MEASURED = """
import resource, sys, tempfile
from pathlib import Path
from tma_prep.rows.read_rows import ReadOptions
from tma_prep.rows.reading import read_files
from tma_prep.rows.sources import find_files
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small, large = sys.argv[1:]
for url in (small, large):
    with tempfile.TemporaryDirectory() as folder:
        read = read_files(find_files([url]), Path(folder), ReadOptions())
    print(read.rows, peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(
    s3: Any,  # noqa: ANN401
    tmp_path: Path,
    ending: str,
) -> None:
    """Sixty megabytes in a process of its own, which has read a little one before."""
    draw = random.Random(0)
    rows = [{"prompt": draw.randbytes(1700).hex(), "response": "r"} for _ in range(18_000)]
    for name, kept in (("small", rows[:10]), ("large", rows)):
        path = tmp_path / f"{name}.{ending}"
        if ending == "jsonl":
            path.write_text(json_lines(kept), encoding="utf-8")
        else:
            pq.write_table(pa.Table.from_pylist(kept), path, compression="none")
        s3.upload_file(str(path), BUCKET, path.name)
    assert path.stat().st_size > 50_000_000
    urls = [f"s3://{BUCKET}/{name}.{ending}" for name in ("small", "large")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *urls], capture_output=True, text=True, check=True
    )
    (_, before), (count, after) = (line.split() for line in done.stdout.splitlines())
    assert int(count) == len(rows)
    assert int(after) - int(before) < 80_000  # KiB: blocks read ahead, one of rows, and a row group


@pytest.mark.usefixtures("impatient")
def test_the_plainest_web_server(web: tuple[Path, str]) -> None:
    """Streams are read front to back, Parquet from a copy; what fails is one line."""
    folder, url = web
    rows = [{"prompt": f"{row} " * 4000, "response": "r"} for row in range(1000)]
    (folder / "a.jsonl").write_text(json_lines(rows), encoding="utf-8")
    assert (folder / "a.jsonl").stat().st_size > 8 << 20  # more than one request
    pq.write_table(pa.Table.from_pylist(rows), folder / "b.parquet")
    assert len(read(f"{url}/a.jsonl").instances) == 1000
    assert len(read(f"{url}/b.parquet").instances) == 1000
    assert "no such file" in refused(f"{url}/none.jsonl")
    assert "access is refused" in refused(f"{url}/secret.jsonl")
    assert "only files can be read" in refused(f"{url}/folder")
    assert "cannot be reached" in refused("http://127.0.0.1:9/a.jsonl")


def test_without_credentials(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """It says how to give them."""
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        assert "no credentials" in (message := refused(f"s3://{BUCKET}/a.jsonl"))
        assert "AWS_ACCESS_KEY_ID" in message
    finally:
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.usefixtures("s3")
def test_with_credentials_that_do_not_do() -> None:
    """The server is told to look at them from the first request on."""

    def unchecked(requests: bytes) -> None:
        address = f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
        plain = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(address, requests, plain)).close()

    try:
        unchecked(b"0")
        assert "access is refused; check the name" in refused(f"s3://{BUCKET}/a.jsonl")
        assert "access is refused; check the name" in refused(f"s3://{BUCKET}/*.jsonl")
    finally:
        unchecked(b"Infinity")


@pytest.mark.usefixtures("impatient")
def test_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 at a dead port, and the hub where it is switched off: a line each, in seconds."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        assert "its server cannot be reached" in refused("s3://b/a.jsonl")
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
    assert "its server cannot be reached" in refused("hf://datasets/a/b/c.parquet")


@pytest.mark.parametrize(
    "url", ["s3://key:word@host/a.jsonl", "https://key@host/a.jsonl", "https://host/a.jsonl?t=word"]
)
def test_no_secret_is_shown(url: str) -> None:
    """The URL is refused without it."""
    with pytest.raises(InputError) as caught:
        any_path(url)
    assert "word" not in str(caught.value).replace("password", "") and "key@" not in str(
        caught.value
    )


def test_file_urls_are_local() -> None:
    """As other programs write them."""
    assert any_path("file:///data/a.jsonl") == Path("/data/a.jsonl")
    assert any_path("data/a.jsonl") == Path("data/a.jsonl")
