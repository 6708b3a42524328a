"""A store in the making: what a killed run finished is kept, and nothing that is not whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.embeddings.rows import manifest_of, random_rows, written
from tma_prep.artifact import MANIFEST
from tma_prep.embeddings.known import halves_of
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.errors import ArtifactError

ROWS = random_rows(11)
RECIPE = {"text": "both", "model": "m"}


def folder(path: Path, recipe: dict[str, str] = RECIPE, *, start_anew: bool = False) -> PartsFolder:
    """The parts of `train`, four rows each."""
    return PartsFolder(path / "train", recipe, rows_per_part=4, start_anew=start_anew)


def finished(parts: PartsFolder, told: list[str] | None = None) -> list[bool]:
    """Which of the three parts are there."""
    notes = [] if told is None else told
    return [
        parts.finished(
            number,
            np.array(ROWS.rows[here], np.int64),
            halves_of(ROWS.ids[here]),
            notes.append,
        )
        for number, here in enumerate((slice(0, 4), slice(4, 8), slice(8, 11)))
    ]


def finish(parts: PartsFolder) -> None:
    """All three of them."""
    parts.finish(3, manifest_of)


def contents(path: Path) -> dict[str, bytes]:
    """Every file below, by its name."""
    return {
        str(found.relative_to(path)): found.read_bytes()
        for found in sorted(path.rglob("*"))
        if found.is_file()
    }


def test_finished_parts_are_kept(tmp_path: Path) -> None:
    """Another process finds what this one wrote, and writes the rest; the bytes are the same."""
    folder(tmp_path).write(0, ROWS.piece(0, 8))
    before = contents(tmp_path)
    again = folder(tmp_path)
    assert finished(again) == [True, True, False]
    assert contents(tmp_path) == before
    again.write(2, ROWS.piece(8, 11))
    finish(again)
    written(tmp_path / "undisturbed", ROWS, 4, step=9)
    assert contents(tmp_path / "train") == contents(tmp_path / "undisturbed")


def test_finishing_places_the_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    """Neither the progress nor a temporary file."""
    parts = folder(tmp_path)
    parts.write(0, ROWS)
    assert not (tmp_path / "train").exists()
    finish(parts)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    assert sorted(contents(tmp_path / "train")) == [
        *("instances.parquet", MANIFEST),
        *(f"part-0000{number}.arrow" for number in range(3)),
    ]


def _flip(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


def _flip_early(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[60] ^= 0xFF
    path.write_bytes(damaged)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "flipped": (".train.partial/part-00001.arrow", _flip),
    "truncated": (".train.partial/part-00001.arrow", lambda path: path.write_bytes(b"ARROW1")),
    "missing": (".train.partial/part-00001.arrow", Path.unlink),
    "swapped": (
        ".train.partial/part-00001.arrow",
        lambda path: shutil.copy(path.with_name("part-00000.arrow"), path),
    ),
    "columns": (".train.progress/part-00001.parquet", _flip_early),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_part_is_told_and_made_again(tmp_path: Path, case: str) -> None:
    """The others are kept; looking changes nothing, so that it is told until it is mended."""
    parts = folder(tmp_path)
    parts.write(0, ROWS)
    whole = contents(tmp_path)
    victim, damage = DAMAGE[case]
    damage(tmp_path / victim)
    for _ in range(2):
        told: list[str] = []
        assert finished(folder(tmp_path), told) == [True, False, True]
        (line,) = told
        assert line.endswith(".train.partial/part-00001.arrow: is damaged; it is made again")
    again = folder(tmp_path)
    again.write(1, ROWS.piece(4, 8))
    assert finished(again) == [True, True, True]
    assert contents(tmp_path) == whole


def test_a_part_of_other_rows_is_not_taken(tmp_path: Path) -> None:
    """Part and what goes with it were both put in the place of another's."""
    folder(tmp_path).write(0, ROWS)
    for hidden in ("partial", "progress"):
        first, second = sorted((tmp_path / f".train.{hidden}").glob("part-*"))[:2]
        shutil.copy(first, second)
    assert finished(folder(tmp_path)) == [True, False, True]


def test_a_part_without_what_goes_with_it_is_not_there(tmp_path: Path) -> None:
    """That is written after it, so a kill between the two leaves this."""
    folder(tmp_path).write(0, ROWS)
    (tmp_path / ".train.progress/part-00002.parquet").unlink()
    told: list[str] = []
    assert finished(folder(tmp_path), told) == [True, True, False]
    assert not told


def test_another_recipe_is_refused_with_what_differs(tmp_path: Path) -> None:
    """Values that changed, came and went; what is there stays."""
    folder(tmp_path).write(0, ROWS)
    before = contents(tmp_path)
    with pytest.raises(ArtifactError) as refused:
        folder(tmp_path, {"text": "prompt", "prefix": "p"})
    assert "text was both, now prompt; model was m, now unset; prefix was unset, now p" in str(
        refused.value
    )
    assert "--overwrite" in str(refused.value)
    assert contents(tmp_path) == before
    assert finished(folder(tmp_path)) == [True, True, True]


def test_starting_anew_drops_another_recipe_alone(tmp_path: Path) -> None:
    """An interrupted run that was to start anew goes on too."""
    folder(tmp_path).write(0, ROWS)
    other = {"text": "prompt"}
    assert finished(folder(tmp_path, other, start_anew=True)) == [False, False, False]
    assert list(contents(tmp_path)) == [".train.progress/recipe.json"]
    folder(tmp_path, other).write(0, ROWS)
    assert finished(folder(tmp_path, other, start_anew=True)) == [True, True, True]


def test_without_a_recipe_nothing_is_taken_up(tmp_path: Path) -> None:
    """A longer run that was killed leaves no part in a shorter one's store."""
    folder(tmp_path, {}).write(0, ROWS)
    short = folder(tmp_path, {})
    short.write(0, ROWS.piece(0, 4))
    short.finish(1, manifest_of)
    assert [path.name for path in (tmp_path / "train").glob("part-*")] == ["part-00000.arrow"]


def test_a_kill_after_the_folder_was_placed_stops_nobody(tmp_path: Path) -> None:
    """The recipe is still there and the parts are not."""
    parts = folder(tmp_path)
    parts.write(0, ROWS)
    recipe = tmp_path / ".train.progress"
    shutil.copytree(recipe, tmp_path / "kept")
    finish(parts)
    (tmp_path / "kept").rename(recipe)
    assert PartsFolder.look(tmp_path / "train", RECIPE) is None
    assert not (tmp_path / ".train.partial").exists()
    told: list[str] = []
    again = folder(tmp_path, {"text": "prompt"})
    assert finished(again, told) == [False, False, False]
    assert not told
    again.write(0, ROWS)
    finish(again)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_looking_writes_nothing(tmp_path: Path) -> None:
    """Whether there is something, something else, or nothing."""
    assert PartsFolder.look(tmp_path / "train", RECIPE) is None
    assert not list(tmp_path.iterdir())
    folder(tmp_path).write(0, ROWS.piece(0, 4))
    before = contents(tmp_path)
    assert PartsFolder.look(tmp_path / "train", {"text": "prompt"}) is None
    found = PartsFolder.look(tmp_path / "train", RECIPE)
    assert found is not None and finished(found) == [True, False, False]
    assert contents(tmp_path) == before


@pytest.mark.parametrize("places", [[0], [10], [0, 3, 4, 7, 10], list(range(11))])
def test_rows_that_are_finished_can_be_taken(tmp_path: Path, places: list[int]) -> None:
    """From one part or several, with all that goes with them but their ids."""
    parts = folder(tmp_path)
    parts.write(0, ROWS)
    assert parts.dimension == 4
    taken = parts.take_rows(np.array(places))
    assert (taken.vectors == ROWS.vectors[places]).all()
    assert taken.instances.to_pylist() == [ROWS.instances.to_pylist()[here] for here in places]
