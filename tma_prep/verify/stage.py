"""`tma-prep verify`: shards proven to be their order joined with the training rows.

Nothing is taken for granted: the files may hold any bytes whatever. All that is wrong is collected.
Of the rows a row group and what sorting takes is in memory; of the order, its six columns.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tma_prep.artifact import MANIFEST
from tma_prep.device import default_budget
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.files import any_path, is_remote
from tma_prep.options import VerifyOptions
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.shards import ShardFolder, open_shards
from tma_prep.verify.consumed import ConsumedResult, told, verify_consumed
from tma_prep.verify.files import check_files, open_files
from tma_prep.verify.findings import CHECKS, Findings, Proof
from tma_prep.verify.join import Join, TrainingRows
from tma_prep.verify.workspace import Known
from tma_prep.workspace import Workspace

_BESIDE_SHARDS = ("embeddings", "orders", "neighbors")
_OTHER_KINDS = ("embeddings", "neighbors", "leakage", "ranking", "order", "export", "check")
"""Of manifests in a workspace that are not of shards."""


@dataclass(frozen=True)
class VerifyResult:
    """What `verify` found.

    Attributes:
        workspace: Whether the shards lie in one, so that order and rows could be looked for.
    """

    work: str
    proven: bool
    workspace: bool
    shards: list[Proof]
    consumed: ConsumedResult | None
    seconds: dict[str, float]


def verify(options: VerifyOptions, progress: Progress | None = None) -> VerifyResult:
    """Prove shards; whatever is wrong with them is a finding, and no error.

    Raises:
        TmaPrepError: There is nothing to verify.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    folders, workspace = _find(options.work, options.names)
    if options.consumed is not None and len(folders) > 1:
        raise OptionError(
            f"--consumed is the log of one training; name its shards with --name "
            f"({', '.join(folders)})"
        )
    if options.consumed is None and options.consumed_rows is not None:
        raise OptionError("--consumed-rows says how long a log is; name the log with --consumed")
    with clock("verify"):
        known = None if workspace is None else Known(workspace)
        proofs = [_proof(name, path, known, progress) for name, path in folders.items()]
    consumed = None
    if options.consumed is not None:
        with clock("consumed"):
            (folder,) = folders.values()
            consumed = verify_consumed(options.consumed, folder, options.consumed_rows, workspace)
    return VerifyResult(
        work=options.work,
        proven=not any(proof.findings for proof in proofs)
        and not (consumed is not None and consumed.findings),
        workspace=workspace is not None,
        shards=proofs,
        consumed=consumed,
        seconds=clock.seconds,
    )


def _proof(name: str, path: Path, known: Known | None, progress: Progress) -> Proof:
    try:
        shards = open_shards(path)
    except (ArtifactError, OSError) as error:
        return Findings([told(error)], set(CHECKS)).proof(name, path)
    findings = Findings()
    if known is None:
        findings.skip("no workspace around", "order", "ranking", "rows")
        return verify_shards(name, shards, None, None, findings, progress)
    order = known.order(name, shards, findings)
    training = known.training_rows(shards, findings)
    if order is not None and "ranking" not in findings.failed | findings.skipped.keys():
        known.check_ranking(name, order, findings)
    return verify_shards(name, shards, order, training, findings, progress)


def verify_shards(
    name: str,
    shards: ShardFolder,
    order: pa.Table | None,
    training: TrainingRows | None,
    findings: Findings,
    progress: Progress,
) -> Proof:
    """Check all files and rows of opened shards, on top of what is found already.

    The `ORDER` table and the training rows may be not known.
    """
    total = sum(entry.bytes for entry in shards.manifest.all_files)
    with progress.stage(f"Hashing shards of {name}", total, "bytes") as advance:
        own = check_files(shards, findings, advance)
    with contextlib.ExitStack() as stack:
        schema = None if training is None else training.schema
        files = [
            stack.enter_context(contextlib.closing(file))
            for file in open_files(shards, own, schema, findings)
        ]
        join = Join(files, shards.rows, findings)
        with progress.stage(f"Comparing rows of {name}", shards.rows, "rows") as advance:
            join.compare(order, training, default_budget(), advance)
    return findings.proof(name, shards.path, shards.rows, len(shards.files), total)


def _find(work: str, names: list[str]) -> tuple[dict[str, Path], Workspace | None]:
    """Folders of shards by name, and the workspace that they lie in.

    Raises:
        ArtifactError: None of these, or no shards of one of the names.
        OptionError: It is not of this machine.
    """
    path = any_path(work)
    if is_remote(path):
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
    workspace, remedy = None, "run tma-prep arrange"
    if _is_workspace(path):
        workspace, found = Workspace(path), _folders(path / "shards")
    elif _is_shards(path):
        place = path.resolve()
        around, found = place.parent.parent, {place.name: path}
        if place.parent.name == "shards" and any((around / n).is_dir() for n in _BESIDE_SHARDS):
            workspace = Workspace(around)
    else:
        found = {name: each for name, each in _folders(path).items() if _is_shards(each)}
        remedy = "name a workspace, or a folder that tma-prep arrange wrote shards to"
    if not found:
        raise ArtifactError(f"{path}: holds no shards; {remedy}")
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ArtifactError(f"{work}: no shards named {unknown[0]}; it holds {', '.join(found)}")
    return {name: found[name] for name in names or found}, workspace


def _folders(path: Path) -> dict[str, Path]:
    """Folders in a folder, by name; what arrange has in the making is hidden."""
    there = sorted(path.iterdir()) if path.is_dir() else []
    return {each.name: each for each in there if each.is_dir() and each.name[:1] != "."}


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
