"""A store in the making: every part is whole or absent, so that a killed run goes on.

Two hidden folders stand beside the final one: `.train.partial` takes the parts, and
`.train.progress` the recipe of what is being made and, for each finished part, a file with the
rest of its rows' columns and the part's SHA-256, written after the part. A later run with the same
recipe checks what it finds there and keeps it.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import MANIFEST, write_manifest
from tma_prep.durable import (
    beside,
    file_entry,
    place_folder,
    remove_folder,
    sha256_of,
    sync,
    write_text,
)
from tma_prep.embeddings.known import halves_of_column
from tma_prep.embeddings.store import StoredRows, map_part, part_name, vectors_of, write_part
from tma_prep.errors import ArtifactError
from tma_prep_schemas import INSTANCES, ROW, ROW_ID, EmbeddingsManifest, FileEntry

_RECIPE = "recipe.json"
_SHA256_DIGITS = 64
_ENTRY = b"file_entry"
_ROWS_PER_GROUP = 65_536
_INSTANCES_FILE = "instances.parquet"


class PartsFolder:
    """Where the parts of one side are made.

    Attributes:
        dropped: Whether what another recipe had left was dropped.
    """

    def __init__(
        self, final: Path, recipe: Mapping[str, str], *, rows_per_part: int, start_anew: bool
    ) -> None:
        """Find what an earlier run left, or begin.

        Args:
            final: The folder that this one will become.
            recipe: Everything that the bytes depend on, by the name that a person knows; empty
                where nothing is ever taken up again.
            rows_per_part: Rows of every part but the last.
            start_anew: Drop what another recipe left.

        Raises:
            ArtifactError: A run with another recipe was interrupted; the text says what differs.
        """
        self._final, self._rows_per_part = final, rows_per_part
        self.folder, self._progress = beside(final, "partial"), beside(final, "progress")
        # Without the folder the parts took their final place already, or somebody removed them.
        found = _read_recipe(final) if self.folder.is_dir() else None
        self.dropped = found is not None and found != recipe
        if found is not None and self.dropped and not start_anew:
            names = [name for name in {**found, **recipe} if found.get(name) != recipe.get(name)]
            what = (_difference(name, found.get(name), recipe.get(name)) for name in names[:3])
            raise ArtifactError(
                f"{final}: an interrupted run was made differently ({'; '.join(what)}); give its "
                "options to go on with it, or --overwrite to start anew"
            )
        if found is None or self.dropped or not recipe:
            remove_folder(self.folder)
            self.folder.mkdir(parents=True)
            _begin(self._progress, recipe)

    @classmethod
    def look(cls, final: Path, recipe: Mapping[str, str]) -> "PartsFolder | None":
        """What an interrupted run with this recipe left, None where there is none."""
        if _read_recipe(final) != recipe or not beside(final, "partial").is_dir():
            return None
        return cls(final, recipe, rows_per_part=1, start_anew=False)

    @staticmethod
    def reopen(final: Path, manifest: EmbeddingsManifest, recipe: Mapping[str, str]) -> bool:
        """Take a damaged store apart into parts again, so that those that are whole are kept.

        Returns:
            Whether that was possible: the file that holds the rest of the columns must be whole.
        """
        listed = manifest.instances
        path = final / listed.file
        if not path.is_file() or sha256_of(path) != listed.sha256:
            return False
        partial, progress = beside(final, "partial"), beside(final, "progress")
        remove_folder(partial)
        _begin(progress, recipe)
        instances = pq.read_table(path, schema=INSTANCES)
        first = 0
        for number, entry in enumerate(manifest.files):
            _write_sidecar(progress, number, instances.slice(first, entry.rows), entry)
            first += entry.rows
        # Until here the store is what it was; from here on it is one in the making.
        final.rename(partial)
        sync(final.parent)
        for name in (MANIFEST, listed.file):
            (partial / name).unlink()
        return True

    def finished(
        self,
        number: int,
        rows: NDArray[np.int64],
        ids: NDArray[np.uint64],
        on_damage: Callable[[str], None],
    ) -> bool:
        """Whether a part is there, whole, and holds these rows.

        Args:
            number: Which part.
            rows: `tma_row` of what it must hold.
            ids: Halves of the `tma_id`s of the same.
            on_damage: Told in a line of a part that must be made again.
        """
        entry = self._entry(number)
        if entry is None:
            return False
        path = self.folder / entry.file
        if path.is_file() and file_entry(path, entry.rows) == entry:
            table = pa.Table.from_batches(map_part(path)[1])
            same_rows = np.array_equal(table[ROW].to_numpy(), rows)
            same_ids = np.array_equal(halves_of_column(table[ROW_ID]), ids)
            if same_rows and same_ids and self._sidecar_is_whole(number):
                return True
        on_damage(f"{path}: is damaged; it is made again")
        return False

    def write(self, first_part: int, rows: StoredRows) -> None:
        """Write rows as consecutive parts; only the last of all may be short."""
        for number, start in enumerate(range(0, len(rows.rows), self._rows_per_part), first_part):
            piece = rows.piece(start, start + self._rows_per_part)
            final = self.folder / part_name(number)
            partial = final.with_name(f".{final.name}.partial")
            write_part(partial, piece)
            partial.replace(final)
            sync(self.folder)
            entry = file_entry(final, len(piece.rows))
            _write_sidecar(self._progress, number, piece.instances, entry)

    @property
    def dimension(self) -> int:
        """Components of the vectors, once there is a part."""
        schema, _ = map_part(self.folder / part_name(0))
        return int(schema.field("embedding").type.list_size)

    def take_rows(self, places: NDArray[np.int64]) -> StoredRows:
        """See `TakesRows`; the parts of these rows are finished."""
        vectors, tables = [], []
        parts = places // self._rows_per_part
        for number in np.unique(parts).tolist():
            here = places[parts == number] - number * self._rows_per_part
            (batch,) = map_part(self.folder / part_name(number))[1]
            vectors.append(vectors_of(batch)[here])
            tables.append(pq.read_table(self._sidecar(number)).take(pa.array(here)))
        return StoredRows.without_ids(np.concatenate(vectors), pa.concat_tables(tables))

    def finish(
        self, parts: int, manifest: Callable[[list[FileEntry], FileEntry], EmbeddingsManifest]
    ) -> EmbeddingsManifest:
        """Join what stands beside the parts, write the manifest, and take the final place."""
        entries = [entry for number in range(parts) if (entry := self._entry(number)) is not None]
        assert len(entries) == parts, "every part was written or found"
        path = self.folder / _INSTANCES_FILE
        held: list[pa.Table] = []
        with pq.ParquetWriter(path, INSTANCES, compression="zstd") as writer:
            for number in range(parts):
                held.append(pq.read_table(self._sidecar(number)).replace_schema_metadata())
                rows = sum(table.num_rows for table in held)
                if rows >= _ROWS_PER_GROUP or number == parts - 1:
                    writer.write_table(pa.concat_tables(held), row_group_size=rows)
                    held = []
        sync(path)
        made = manifest(entries, file_entry(path, sum(entry.rows for entry in entries)))
        write_manifest(self.folder / MANIFEST, made)
        place_folder(self.folder, self._final)
        remove_folder(self._progress)
        return made

    def _sidecar(self, number: int) -> Path:
        return _sidecar(self._progress, number)

    def _sidecar_is_whole(self, number: int) -> bool:
        try:
            pq.read_table(self._sidecar(number), page_checksum_verification=True)
        except (OSError, pa.ArrowException):
            return False
        return True

    def _entry(self, number: int) -> FileEntry | None:
        try:
            metadata = pq.read_schema(self._sidecar(number)).metadata
            return FileEntry.model_validate_json(metadata[_ENTRY])
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            return None


def _sidecar(progress: Path, number: int) -> Path:
    return progress / f"part-{number:05d}.parquet"


def _write_sidecar(progress: Path, number: int, instances: pa.Table, entry: FileEntry) -> None:
    """Write what stands beside a finished part."""
    sidecar = _sidecar(progress, number)
    partial = sidecar.with_suffix(".partial")
    table = instances.replace_schema_metadata({_ENTRY: entry.model_dump_json()})
    pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
    sync(partial)
    partial.replace(sidecar)
    sync(progress)


def _difference(name: str, before: str | None, now: str | None) -> str:
    if _SHA256_DIGITS in {len(before or ""), len(now or "")}:
        return f"{name} {'came' if before is None else 'is gone' if now is None else 'changed'}"
    return f"{name} was {before or 'unset'}, now {now or 'unset'}"


def _begin(progress: Path, recipe: Mapping[str, str]) -> None:
    remove_folder(progress)
    progress.mkdir(parents=True)
    write_text(progress / _RECIPE, json.dumps(dict(recipe), indent=2) + "\n")


def _read_recipe(final: Path) -> dict[str, str] | None:
    try:
        found = json.loads((beside(final, "progress") / _RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
