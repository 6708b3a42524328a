"""Commands run in this process, and what they wrote as digests that do not depend on encoding."""

import contextlib
import hashlib
import io
import json
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.golden.cases import EXPORTS, ORDERS, POOL_OF
from tests.golden.data import write_pools
from tma_prep_cli.main import run

RECORD = Path(__file__).parent / "orders.json"

_ORDER = ("position", "row", "id", "round", "similarity", "target")


class Frozen:
    """Workspaces of every pool in a folder; what the cases make there, as it is recorded."""

    def __init__(self, folder: Path) -> None:
        """Embed every pool."""
        self._folder = folder
        for pool, words in write_pools(folder).items():
            _command("embed", *words, "--vectors-column", "vec", "--out", str(folder / pool))

    def order(self, case: str) -> dict[str, object]:
        """Digests of a case, rows of its files, its sequence: `ROW.CHECK` for every position."""
        parts = self._shards(case)
        rows = [row for part in parts for row in part.to_pylist()]
        return {
            "order": _digest([[row[f"tma_{name}"] for name in _ORDER] for row in rows]),
            "shard": _digest(rows),
            "parts": [part.num_rows for part in parts],
            "rows": " ".join(f"{row['tma_row']}.{_digest(row)[:3]}" for row in rows),
        }

    def schema(self, case: str) -> list[str]:
        """Every column in the shards of a case, with its type: the user's, then those added."""
        return [str(field) for field in self._shards(case)[0].schema]

    def export(self, name: str) -> dict[str, str]:
        """SHA-256 of every file of rows in an export."""
        case, words = EXPORTS[name]
        self._shards(case)
        folder, work = self._folder / "exports" / name, str(self._folder / POOL_OF[case])
        _command("export", work, "--name", case, "--out", str(folder), *words.split())
        files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.parquet")])
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def _shards(self, case: str) -> list[pa.Table]:
        """The shards of a case, made where they are not there; nothing else of it is read."""
        work = self._folder / POOL_OF[case]
        if not (work / "shards" / case).is_dir():
            words = ORDERS[POOL_OF[case]][case].split()
            _command("arrange", str(work), "--name", case, *words)
        parts = sorted((work / "shards" / case).glob("part-*.parquet"))
        return [pq.read_table(path) for path in parts]


def recorded() -> dict[str, Any]:
    """What `python -m tests.golden.record` wrote."""
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def _command(*words: str) -> None:
    """Run `tma-prep` with these words; it must end well."""
    told = io.StringIO()
    before = signal.getsignal(signal.SIGTERM)  # the command takes it for itself
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = run(list(words))
    signal.signal(signal.SIGTERM, before)
    assert code == 0, f"tma-prep {' '.join(words)}: exit code {code}\n{told.getvalue()}"


def _digest(value: object) -> str:
    """SHA-256 of JSON; what JSON lacks (bytes, times, decimals) goes in as its `str`."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()
