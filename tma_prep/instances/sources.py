"""From the paths that a user names to the files that are read, in order."""

import glob
import json
from collections.abc import Sequence
from pathlib import Path

from tma_prep.errors import InputError

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_CONTAINERS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}


def container_of(path: Path) -> str | None:
    """`jsonl`, `json`, `parquet` or `arrow` by the file's ending, None for any other."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return _CONTAINERS.get(suffixes[-1]) if suffixes else None


def compression_of(path: Path) -> str | None:
    """`gzip` or `zstd` by the file's ending, None for a plain file."""
    return _COMPRESSIONS.get(path.suffix.lower())


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Expand files, folders and globs, in the order given; within one, sorted by name.

    Returns:
        Absolute paths, each once.

    Raises:
        InputError: A path is missing, unreadable as data, or named twice.
    """
    files: dict[Path, Path] = {}
    for pattern in patterns:
        for path in _expand(pattern):
            # The folder alone is resolved: two links to one file may be two files on purpose.
            place = path.parent.resolve() / path.name
            if place in files:
                raise InputError(f"{path}: is named twice; name each input once")
            files[place] = path.absolute()
    if not files:
        raise InputError("no input file is named; give at least one file, folder or glob")
    for path in files.values():
        if _undecodable(path):
            raise InputError(f"{path}: its name is not UTF-8; rename it")
    return list(files.values())


def _undecodable(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.is_dir():
        return _folder(path)
    if path.exists():
        if container_of(path) is None:
            raise InputError(
                f"{path}: ending {path.suffix or '(none)'} is not known; it must be one of "
                f"{', '.join(_CONTAINERS)}, with .gz or .zst after it if compressed"
            )
        return [path]
    if glob.has_magic(pattern):
        found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
        found = [name for name in found if container_of(name) is not None]
        if found:
            # Spark writes a folder `x.parquet`.
            return [file for name in found for file in (_folder(name) if name.is_dir() else [name])]
        raise InputError(f"{pattern}: no data file fits this pattern; check the folder and ending")
    raise InputError(f"{pattern}: no such file or folder; check the path")


def _folder(folder: Path) -> list[Path]:
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(p.name for p in folder.iterdir() if (p / "state.json").is_file())
        raise InputError(
            f"{folder}: holds the splits {', '.join(splits) or '(none)'}; name one of them, "
            f"as in {folder / (splits[0] if splits else 'train')}"
        )
    if (folder / "state.json").is_file():
        return _saved_dataset(folder)
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and container_of(path) is not None
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(
            f"{folder}: holds no data file; expected files ending in {', '.join(_CONTAINERS)}"
        )
    return found


def _saved_dataset(folder: Path) -> list[Path]:
    """The Arrow files of a folder that Hugging Face `Dataset.save_to_disk` wrote, in order."""
    state = folder / "state.json"
    try:
        entries = json.loads(state.read_text(encoding="utf-8"))["_data_files"]
        names = [str(entry["filename"]) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{state}: is not what `save_to_disk` writes; save it again") from error
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise InputError(f"{state}: names {name!r}, which is not a file beside it")
    return [folder / name for name in names]
