"""From the paths that a user names to the files that are read, in order."""

import glob
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from tma_prep.errors import InputError
from tma_prep.files import AnyPath, any_path, files_below, kind_of, matches, read_file
from tma_prep.stores import WEB, missing

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_CONTAINERS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
    ".tsv": "tsv",
}
_NOWHERE = "__HIVE_DEFAULT_PARTITION__"


def container_of(path: AnyPath) -> str | None:
    """`jsonl`, `json`, `parquet`, `arrow`, `csv` or `tsv` by the ending, None for any other."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return _CONTAINERS.get(suffixes[-1]) if suffixes else None


def compression_of(path: AnyPath) -> str | None:
    """`gzip` or `zstd` by the file's ending, None for a plain file."""
    return _COMPRESSIONS.get(path.suffix.lower())


def find_files(patterns: Sequence[str]) -> list[AnyPath]:
    """Expand files, folders and globs, in the order given; within one, sorted by name.

    Returns:
        Absolute paths and URLs, each once.

    Raises:
        InputError: A path is missing, unreadable as data, or named twice.
    """
    files: dict[AnyPath, AnyPath] = {}
    for pattern in patterns:
        if _undecodable(pattern):
            raise InputError(f"{pattern}: its name is not UTF-8; rename it")
        for path in _expand(pattern):
            place = path
            if isinstance(path, Path):
                # The folder alone is resolved: two links to one file may be two on purpose.
                place = path.parent.resolve() / path.name
                path = path.absolute()
                # One name for one file, but for ".." behind a link, which leads elsewhere.
                shorter = Path(os.path.normpath(path))
                path = shorter if shorter.parent.resolve() == place.parent else path
            if place in files:
                raise InputError(f"{path}: is named twice; name each input once")
            files[place] = path
    if not files:
        raise InputError("no input file is named; give at least one file, folder or glob")
    for path in files.values():
        if _undecodable(str(path)):
            raise InputError(f"{path}: its name is not UTF-8; rename it")
    return list(files.values())


def partitions_of(
    patterns: Sequence[str], files: Sequence[AnyPath]
) -> dict[AnyPath, dict[str, str | None]]:
    """Columns that the folders of a file name, as in `task=maths/part.parquet`.

    Only folders below those that a pattern names count.

    Returns:
        By file, the value of each column; files without any are left out.
    """
    bases = [_base(pattern) for pattern in patterns]
    found: dict[AnyPath, dict[str, str | None]] = {}
    for path in files:
        whole = str(path.parent)
        below = [base for base in bases if whole.startswith(base)]
        keys = whole[len(max(below, key=len)) :].split("/") if below else []
        pairs = [key.partition("=") for key in keys if "=" in key[1:]]
        if pairs:
            found[path] = {
                name: None if value == _NOWHERE else unquote(value) for name, _, value in pairs
            }
    return found


def _base(pattern: str) -> str:
    """The folder that a pattern begins with, as the files in it name it."""
    path = any_path(pattern)
    if isinstance(path, Path):
        path = Path(os.path.abspath(path.expanduser()))
    parts = str(path).split("/")
    fixed = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "/".join(parts[:fixed])


def _undecodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _expand(pattern: str) -> list[AnyPath]:
    path = any_path(pattern)
    if isinstance(path, Path):
        path = path.expanduser()
    elif path.protocol in WEB and container_of(path) is None:
        raise InputError(
            f"{path}: over {path.protocol}:// only files can be read, ending in "
            f"{', '.join(_CONTAINERS)}, with .gz or .zst after it if compressed; name each file"
        )
    kind = kind_of(path)
    if kind == "folder":
        return _folder(path)
    if kind == "file":
        if container_of(path) is None:
            raise InputError(
                f"{path}: ending {path.suffix or '(none)'} is not known; it must be one of "
                f"{', '.join(_CONTAINERS)}, with .gz or .zst after it if compressed"
            )
        if isinstance(path, Path) and not path.is_file():
            raise InputError(
                f"{path}: is a pipe or a device, and inputs are read more than once; write it to "
                "a file"
            )
        return [path]
    if glob.has_magic(pattern):
        found = [each for each in matches(path) if container_of(each) is not None]
        if not found:
            raise InputError(
                f"{pattern}: no data file fits this pattern; check the folder and ending"
            )
        # Spark writes a folder `x.parquet`.
        files = ([each] if kind_of(each) == "file" else _folder(each) for each in found)
        return [file for some in files for file in some]
    if isinstance(path, Path):
        raise InputError(f"{path}: no such file or folder; check the path")
    raise missing(path)


def _folder(folder: AnyPath) -> list[AnyPath]:
    files = files_below(folder)
    if "dataset_dict.json" in files:
        states = [PurePosixPath(name) for name in files if name.count("/") == 1]
        splits = sorted(path.parent.name for path in states if path.name == "state.json")
        raise InputError(
            f"{folder}: holds the splits {', '.join(splits) or '(none)'}; name one of them, "
            f"as in {folder / (splits[0] if splits else 'train')}"
        )
    if "state.json" in files:
        return _saved_dataset(files)
    found = [
        path
        for name, path in files.items()
        if container_of(path) is not None
        and not any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)
    ]
    if not found:
        raise InputError(
            f"{folder}: holds no data file; expected files ending in {', '.join(_CONTAINERS)}"
        )
    return found


def _saved_dataset(files: Mapping[str, AnyPath]) -> list[AnyPath]:
    """The Arrow files of a folder that Hugging Face `Dataset.save_to_disk` wrote, in order."""
    state = files["state.json"]
    try:
        entries = json.loads(read_file(state))["_data_files"]
        names = [str(entry["filename"]) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{state}: is not what `save_to_disk` writes; save it again") from error
    for name in names:
        if "/" in name or name not in files:
            raise InputError(f"{state}: names {name!r}, which is not a file beside it")
    return [files[name] for name in names]
