"""Columns of every Arrow type, from `embed` to the loaders."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from tests.rows.kinds import ROWS, every
from tma_prep.arrange import arrange
from tma_prep.embeddings.stage import embed
from tma_prep.errors import InputError
from tma_prep.options import ArrangeOptions, EmbedOptions, ExportOptions, VerifyOptions
from tma_prep.rows.column_types import as_stored, stored_schema
from tma_prep.shards import OrderedShards
from tma_prep.trainers.stage import export
from tma_prep.values import rows_of
from tma_prep.verify.join import places_that_differ
from tma_prep.verify.stage import verify

TIMES = 4
NOT_IN_DATASETS = r"map<|decimal32|decimal64|arrow\.(uuid|bool8|fixed_shape_tensor|opaque)"
"""Types for which `datasets` has no feature."""


def _storable() -> pa.Table:
    """A column of every type that `embed` takes."""
    columns = {}
    for name, array in every().items():
        try:
            stored_schema(Path(name), pa.schema([("x", array.type)]))
        except InputError as error:
            assert "\n" not in str(error)
            assert re.search(r"union|run_end|interval|of none|decimal of tens", name)
        else:
            # Arrow cannot read files with dictionaries of these, which it writes.
            if not re.match(r"(extension|.*dictionary).* in dictionary", name):
                columns[name] = array
    return pa.table(columns)


def _rows(table: pa.Table, first: int) -> pa.Table:
    """With what a sample needs before them."""
    numbers = range(first, first + table.num_rows)
    return pa.table(
        {
            "prompt": [f"p{n}" for n in numbers],
            "response": [f"r{n}" for n in numbers],
            "v": [[1.0, (n * 7 + 3) % 11] for n in numbers],
            **dict(zip(table.column_names, table.columns, strict=True)),
        }
    )


@pytest.fixture(scope="module")
def given() -> pa.Table:
    """The columns of every file."""
    return _storable()


@pytest.fixture(scope="module")
def stored(given: pa.Table) -> pa.Table:
    """All rows as they are stored."""
    return as_stored(pa.concat_tables([given] * TIMES), Path("x"))


@pytest.fixture(scope="module")
def work(given: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of Arrow files and what Parquet makes of the same rows, arranged."""
    root = tmp_path_factory.mktemp("types")
    for part in range(TIMES):
        table = _rows(given, part * ROWS)
        if part % 2:
            pq.write_table(as_stored(table, root), root / f"train-{part}.parquet")
        else:
            with pa.ipc.new_file(str(root / f"train-{part}.arrow"), table.schema) as writer:
                writer.write_table(table)
    pq.write_table(_rows(pa.table({"n": range(2)}), 0), root / "test.parquet")
    work = root / "work"
    test = [str(root / "test.parquet")]
    embed(EmbedOptions(train=[f"{root}/train-*"], test=test, out=work, vectors_column="v"))
    arrange(ArrangeOptions(work=work, rows_per_shard=5))
    return work


@pytest.fixture(scope="module")
def shards(work: Path) -> pa.Table:
    """All rows of the shards."""
    return pq.read_table(sorted((work / "shards" / "nft").glob("*.parquet")))


def test_shards_hold_every_type_and_value(stored: pa.Table, shards: pa.Table) -> None:
    """In their order."""
    expected = stored.take(shards.column("tma_row").combine_chunks())
    for name in stored.column_names:
        assert shards.column(name).type.equals(stored.column(name).type), name
        assert not list(places_that_differ(shards.column(name), expected.column(name))), name


def test_shards_are_proven(work: Path) -> None:
    """Files, positions, order, rows and ranking."""
    (proof,) = verify(VerifyOptions(work=str(work))).shards
    assert not proof.findings
    assert set(proof.checks.values()) == {"proven"}


def test_every_row_goes_to_json_and_through_the_loader(
    work: Path, stored: pa.Table, shards: pa.Table
) -> None:
    """Both give the same values; no value is lost but what is no number."""
    result = export(ExportOptions(work=work, trainer="jsonl"))
    lines = (Path(result.folder) / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for batch in OrderedShards(work / "shards" / "nft", batch_size=5) for row in batch]
    expected = rows_of(stored.take(shards.column("tma_row").combine_chunks()))
    assert len(lines) == len(rows) == ROWS * TIMES
    for line, row, wanted in zip(lines, rows, expected, strict=True):
        found: dict[str, Any] = json.loads(line)
        for name, value in wanted.items():
            assert repr(row[name]) == repr(value)
            if value is not None and not re.search("float|double", name):
                assert found[name] is not None, name


def test_datasets_reads_what_it_has_features_for(work: Path, shards: pa.Table) -> None:
    """The rest can be left out, by the features that are asked for."""
    datasets = pytest.importorskip("datasets")
    files = sorted(map(str, (work / "shards" / "nft").glob("*.parquet")))
    names = [
        field.name for field in shards.schema if not re.search(NOT_IN_DATASETS, str(field.type))
    ]
    assert len(names) > 0.8 * shards.num_columns
    found = datasets.load_dataset(
        "parquet",
        data_files=files,
        columns=names,
        features=datasets.Features.from_arrow_schema(shards.select(names).schema),
        split="train",
        cache_dir=str(work / "cache"),
    )
    assert found.column_names == names
    assert found.num_rows == ROWS * TIMES
    assert found["tma_row"][:] == shards.column("tma_row").to_pylist()
