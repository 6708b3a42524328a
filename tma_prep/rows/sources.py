"""From the paths that a user names to the files that are read, in order."""

import glob
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from tma_prep.errors import InputError
from tma_prep.remote import AnyPath, RemotePath, any_path
from tma_prep.remote_errors import missing

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_CONTAINERS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}


def container_of(path: AnyPath) -> str | None:
    """`jsonl`, `json`, `parquet` or `arrow` by the file's ending, None for any other."""
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


def _undecodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _expand(pattern: str) -> list[AnyPath]:
    path = any_path(pattern)
    if isinstance(path, RemotePath):
        kind = _remote_kind(path)
    else:
        path = Path(os.path.expanduser(path))
        kind = "folder" if path.is_dir() else "file" if path.exists() else None
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
        found = [name for name in _matches(path) if container_of(name) is not None]
        if found:
            # Spark writes a folder `x.parquet`.
            return [
                file for name in found for file in (_folder(name) if _is_folder(name) else [name])
            ]
        raise InputError(f"{pattern}: no data file fits this pattern; check the folder and ending")
    if isinstance(path, RemotePath):
        raise missing(path.url)
    raise InputError(f"{path}: no such file or folder; check the path")


def _remote_kind(path: RemotePath) -> str | None:
    """What it is; a web server has files alone, and a page that lists some is none of them."""
    if path.protocol in ("http", "https") and container_of(path) is None:
        raise InputError(
            f"{path}: over {path.protocol}:// only files can be read, ending in "
            f"{', '.join(_CONTAINERS)}, with .gz or .zst after it if compressed; name each file"
        )
    return path.kind()


def _is_folder(path: AnyPath) -> bool:
    return path.kind() == "folder" if isinstance(path, RemotePath) else path.is_dir()


def _matches(pattern: AnyPath) -> list[AnyPath]:
    """What a pattern fits, sorted as paths are."""
    found: list[AnyPath] = []
    if isinstance(pattern, RemotePath):
        by_url = {path.url: path for path in pattern.glob()}
        found += [by_url[url] for url in sorted(by_url, key=PurePosixPath)]
    else:
        found += sorted(Path(name) for name in glob.glob(str(pattern), recursive=True))
    return found


def _below(folder: AnyPath) -> dict[str, AnyPath]:
    """All files of a folder by their path in it, sorted as paths are."""
    if isinstance(folder, RemotePath):
        files: dict[str, AnyPath] = dict(folder.below())
    else:
        files = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file()
        }
    return {name: files[name] for name in sorted(files, key=PurePosixPath)}


def _folder(folder: AnyPath) -> list[AnyPath]:
    files = _below(folder)
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
        entries = json.loads(state.read_bytes())["_data_files"]
        names = [str(entry["filename"]) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{state}: is not what `save_to_disk` writes; save it again") from error
    for name in names:
        if "/" in name or name not in files:
            raise InputError(f"{state}: names {name!r}, which is not a file beside it")
    return [files[name] for name in names]
