"""`tma-prep verify`: shards proven against manifest, order and input."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifact import MANIFEST, Workspace
from tma_prep.device import default_budget
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.options import VerifyOptions
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.remote import RemotePath, any_path
from tma_prep.shards import open_shards
from tma_prep.verify.consumed import ConsumedResult, told, verify_consumed
from tma_prep.verify.findings import Proof, unproven
from tma_prep.verify.verification import verify_shards
from tma_prep.verify.workspace_reference import Elsewhere, references

_BESIDE_SHARDS = ("embeddings", "orders", "neighbors")
_OTHER_KINDS = ("embeddings", "neighbors", "leakage", "ranking", "order", "export", "check")
"""Of manifests in a workspace that are not of shards."""


@dataclass(frozen=True)
class VerifyResult:
    """What `verify` found.

    Attributes:
        proven: Nothing is wrong.
        workspace: Whether the shards lie in one, so that order and input could be looked for.
    """

    work: str
    proven: bool
    workspace: bool
    shards: list[Proof]
    consumed: ConsumedResult | None
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Place:
    """Folders of shards, by name, and the workspace they lie in."""

    folders: dict[str, Path]
    workspace: Workspace | None


def verify(options: VerifyOptions, progress: Progress | None = None) -> VerifyResult:
    """Prove shards; whatever is wrong with them is a finding, and no error.

    Raises:
        TmaPrepError: There is nothing to verify.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    place = _chosen(_find(options.work), options.names, options.work)
    if options.consumed is not None and len(place.folders) > 1:
        raise OptionError(
            f"--consumed is the log of one training; name its shards with --name "
            f"({', '.join(place.folders)})"
        )
    if options.consumed is None and options.consumed_rows is not None:
        raise OptionError("--consumed-rows says how long a log is; name the log with --consumed")
    with clock("verify"):
        known = None if place.workspace is None else Elsewhere(place.workspace)
        proofs = [_proof(name, path, known, progress) for name, path in place.folders.items()]
    consumed = None
    if options.consumed is not None:
        with clock("consumed"):
            (folder,) = place.folders.values()
            consumed = verify_consumed(
                options.consumed, folder, options.consumed_rows, place.workspace
            )
    return VerifyResult(
        work=options.work,
        proven=not any(proof.findings for proof in proofs)
        and not (consumed is not None and consumed.findings),
        workspace=place.workspace is not None,
        shards=proofs,
        consumed=consumed,
        seconds=clock.seconds,
    )


def _proof(name: str, path: Path, known: Elsewhere | None, progress: Progress) -> Proof:
    try:
        shards = open_shards(path)
    except (ArtifactError, OSError) as error:
        return unproven(name, path, told(error))
    with references(name, shards, known) as reference:
        return verify_shards(
            name, shards, reference, memory_bytes=default_budget(), progress=progress
        )


def _find(work: str) -> _Place:
    """What a path holds: a workspace, the shards of one order, or folders of shards.

    Raises:
        ArtifactError: None of these.
        OptionError: It is not of this machine.
    """
    path = any_path(work)
    if isinstance(path, RemotePath):
        raise OptionError(
            f"{path}: verify reads shards of this machine; copy them here, and verify the copy"
        )
    if not path.is_dir():
        what = "is a file" if path.exists() else "no such folder"
        raise ArtifactError(f"{path}: {what}; name a workspace, or a folder of shards")
    if _kind(path) == "export":
        raise ArtifactError(
            f"{path}: is an export, and no shards; verify the shards that it was made of, "
            "WORK/shards/NAME"
        )
    if _is_workspace(path):
        found = {each.name: each for each in _folders(path / "shards")}
        if not found:
            raise ArtifactError(f"{path}: holds no shards; run tma-prep arrange")
        return _Place(found, Workspace(path))
    if _is_shards(path):
        place = path.resolve()
        around = place.parent.parent
        beside = any((around / name).is_dir() for name in _BESIDE_SHARDS)
        inside = place.parent.name == "shards" and beside
        return _Place({place.name: path}, Workspace(around) if inside else None)
    found = {each.name: each for each in _folders(path) if _is_shards(each)}
    if not found:
        raise ArtifactError(
            f"{path}: holds no shards; name a workspace, or a folder that tma-prep arrange wrote "
            "shards to"
        )
    return _Place(found, None)


def _chosen(place: _Place, names: list[str], work: str) -> _Place:
    unknown = [name for name in names if name not in place.folders]
    if unknown:
        raise ArtifactError(
            f"{work}: no shards named {unknown[0]}; it holds {', '.join(place.folders)}"
        )
    chosen = {name: place.folders[name] for name in names or place.folders}
    return _Place(chosen, place.workspace)


def _folders(path: Path) -> Iterator[Path]:
    """Folders in a folder; what arrange has in the making is hidden."""
    if path.is_dir():
        yield from (
            each for each in sorted(path.iterdir()) if each.is_dir() and each.name[:1] != "."
        )


def _is_workspace(path: Path) -> bool:
    """Whether a folder lies in it that only a workspace has; a copy may lack some."""
    return any(
        (path / name).is_dir() and _kind(path / name) != "shards"
        for name in ("shards", *_BESIDE_SHARDS)
    )


def _is_shards(path: Path) -> bool:
    """Whether it is meant to be, even if its manifest is damaged or gone."""
    if _kind(path) in _OTHER_KINDS:
        return False
    return (path / MANIFEST).is_file() or any(path.glob("part-*.parquet"))


def _kind(path: Path) -> str | None:
    """What its manifest says that a folder is; None where that cannot be read."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return str(manifest.get("kind")) if isinstance(manifest, dict) else None
