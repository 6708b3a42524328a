"""`tma-prep train-check`: shards to test-loss curves and a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifact import (
    ARRANGE_AGAIN,
    MANIFEST,
    Artifact,
    check_files,
    made,
    read_manifest,
    write_manifest,
)
from tma_prep.checks.source import ModelSource, find_model
from tma_prep.checks.targets import evaluated_tests
from tma_prep.durable import beside, place_folder, remove_folder
from tma_prep.embeddings import EmbeddingStore, Sides, open_sides
from tma_prep.errors import ArtifactError, OptionError, VerdictError
from tma_prep.option_types import wrong_record
from tma_prep.options import ArrangeOptions, TrainCheckOptions
from tma_prep.orders import parse_rounds
from tma_prep.progress import Silent, Stopwatch, TableProgress
from tma_prep.workspace import Workspace
from tma_prep_schemas import CheckManifest, CheckSummary, ShardsManifest, TargetRole
from tma_prep_schemas.manifests import Option

_NOT_RECORDED = ("work", "name", "overwrite", "workers", "device", "require_lower", "quick")


@dataclass(frozen=True)
class TrainCheckResult:
    """What `train-check` measured, and where it stands."""

    workspace: str
    folder: str
    report: str
    summary: CheckSummary
    kept: bool
    seconds: dict[str, float]


@dataclass(frozen=True)
class Check:
    """A check with nothing left open: what it is made from, and where it goes.

    Attributes:
        evaluated: The test rows whose loss is taken.
    """

    workspace: Workspace
    sides: Sides
    evaluated: EmbeddingStore
    shards: dict[str, ShardsManifest]
    model: ModelSource
    options: TrainCheckOptions
    artifact: Artifact[CheckManifest]

    @property
    def folder(self) -> Path:
        """Where it stands when it is finished."""
        return self.artifact.folder

    @property
    def inputs(self) -> dict[str, str]:
        """Digests of what it is made from."""
        return {
            **{f"shards/{name}": self.workspace.shards(name).sha256 for name in self.shards},
            **self.sides.inputs,
        }

    @property
    def config(self) -> dict[str, Option]:
        """What its manifest records of the options."""
        digest = self.model.sha256 or None
        found = {"model_sha256": digest, "target_role": target_role_of(self.shards)}
        return self.options.recorded(*_NOT_RECORDED) | found


def target_role_of(shards: Mapping[str, ShardsManifest]) -> TargetRole:
    """`validation` only if every order was arranged with it: `test` allows fewer claims."""
    roles = {manifest.config.get("target_role") for manifest in shards.values()}
    return "validation" if roles == {"validation"} else "test"


def train_check(
    options: TrainCheckOptions, progress: TableProgress | None = None
) -> TrainCheckResult:
    """Train the same start weights on each order, seed by seed, and say what the test loss says.

    Runs that an interrupted check had finished are found and kept.

    Raises:
        VerdictError: The check is finished, and `require_lower` is not met.
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    workspace = Workspace(options.work)
    check_options(options)
    with workspace.locked():
        with clock("open"):
            check = _open(workspace, options)
            kept = check.artifact.reused(
                check.config,
                check.inputs,
                overwrite=options.overwrite,
                if_stale="give --overwrite to train again, or another --name",
            )
        if kept is None:
            summary = _make(check, progress, clock)
        else:
            found = read_manifest(check.folder / "summary.json", CheckSummary)
            if found is None:
                raise ArtifactError(f"{check.folder}: lists no summary.json; give --overwrite")
            summary = found
    report = check.folder / "report.html"
    if options.require_lower:
        _require(summary, *options.require_lower, report=report)
    return TrainCheckResult(
        workspace=str(options.work),
        folder=str(check.folder),
        report=str(report),
        summary=summary,
        kept=kept is not None,
        seconds=clock.seconds,
    )


def _open(workspace: Workspace, options: TrainCheckOptions) -> Check:
    sides = open_sides(workspace)
    shards = _open_shards(workspace, sides, options)
    artifact = workspace.check(options.name or _name(shards, options))
    settled = _settled(options, shards)
    tests = evaluated_tests(sides.test, shards, options.eval)
    model = find_model(options.model, trusted=options.trust_remote_code)
    return Check(workspace, sides, tests, shards, model, settled, artifact)


def _make(check: Check, progress: TableProgress, clock: Stopwatch) -> CheckSummary:
    """Train what is not trained yet, and put the check in its place."""
    partial, underway = beside(check.folder, "partial"), beside(check.folder, "progress")
    # Both stay where a check is interrupted: finished runs are found there by the next one.
    for path in (partial, underway):
        path.mkdir(parents=True, exist_ok=True)
    with progress.stage("Loading torch and transformers", 0, ""):
        from tma_prep.checks.experiment import LIBRARIES, measure
        from tma_prep.checks.results import write_results
    with clock("train"):
        found = measure(check, underway, progress)
    with clock("report"):
        summary, files = write_results(partial, check, found)
        manifest = CheckManifest(
            **made(check.config, check.inputs, LIBRARIES),
            rows=sum(entry.rows for entry in files),
            files=files,
            orders=list(dict.fromkeys(run.order for run in found.runs)),
        )
        write_manifest(partial / MANIFEST, manifest)
        place_folder(partial, check.folder)
        remove_folder(underway)
    return summary


def check_options(options: TrainCheckOptions) -> None:
    """Refuse combinations that have no meaning."""
    if options.steps is not None and options.budget is not None:
        raise OptionError("--budget counts rows and --steps counts batches of them; give one")
    for window in options.rounds:
        parse_rounds(window)
    for option, values in (("order", options.orders), ("rounds", options.rounds)):
        if len(set(values)) < len(values):
            raise OptionError(f"an --{option} is named twice; name each once")
    if options.require_lower and len(options.require_lower) != 2:
        raise OptionError("--require-lower takes two orders, as in --require-lower nft rt")


def _settled(options: TrainCheckOptions, shards: dict[str, ShardsManifest]) -> TrainCheckOptions:
    """The options with nothing left open: without --order and --rounds all shards are compared."""
    listed = options.orders or ([] if options.rounds else list(shards))
    settled = options.resolved.model_copy(update={"orders": listed})
    compared = [*listed, *(f"rounds-{window}" for window in options.rounds)]
    for name in options.require_lower:
        if name not in compared:
            raise OptionError(
                f"--require-lower {name}: is not compared; there are {', '.join(compared)}"
            )
    return settled


def _name(shards: dict[str, ShardsManifest], options: TrainCheckOptions) -> str:
    """Folder of the check: what is compared, on which tests, and whether it is a quick look."""
    windows = [f"rounds-{window.replace(':', '-')}" for window in options.rounds]
    parts = [*(options.orders or ([] if windows else shards)), *windows]
    parts += [] if options.eval == "all" else [options.eval]
    return "-".join([*parts, *(["quick"] if options.quick else [])])[:100]


def _require(summary: CheckSummary, lower: str, higher: str, *, report: Path) -> None:
    """Hold the verdict to what was asked for.

    Raises:
        VerdictError: It is another one.
    """
    measured = {
        found.control: found
        for found in summary.differences
        if found.measure == "auc_steps" and {found.a, found.b} == {lower, higher}
    }
    found = measured.get("no-leak") or measured.get("none")
    if found is None:
        raise VerdictError(f"--require-lower {lower} {higher}: was not compared; see {report}")
    if found.verdict != ("lower" if found.a == lower else "higher"):
        sign = 1 if found.a == lower else -1
        raise VerdictError(
            f"--require-lower {lower} {higher}: not met"
            f"{' without leaking rows' if found.control == 'no-leak' else ''}: the mean loss "
            f"differs by {sign * found.mean:+.3f} ({found.verdict}); see {report}"
        )


def _open_shards(
    workspace: Workspace, sides: Sides, options: TrainCheckOptions
) -> dict[str, ShardsManifest]:
    """The shards asked for, by name; all that are there if none is named."""
    there = workspace.names("shards")
    if not there:
        raise ArtifactError(
            f"{workspace.root}: holds no shards; run tma-prep arrange {workspace.root} first"
        )
    # Windows of rounds are those of the first order there is.
    one = ["nft"] if "nft" in there else there[:1]
    opened = {}
    for name in options.orders or (one if options.rounds else there):
        artifact = workspace.shards(name)
        manifest = artifact.read()
        if manifest is None:
            raise ArtifactError(
                f"--order {name}: {artifact.folder} holds no finished shards; "
                f"there are {', '.join(there)}"
            )
        wrong = wrong_record(ArrangeOptions, manifest.config, ("seed",))
        if wrong is not None:
            raise ArtifactError(
                f"{artifact.path}: is damaged or of another version ({wrong}); {ARRANGE_AGAIN}"
            )
        check_files(artifact.folder, manifest, ARRANGE_AGAIN)
        opened[name] = manifest
    for name, manifest in opened.items():
        stale = workspace.shards(name).stale(manifest)
        if stale is not None:
            raise ArtifactError(stale)
    return opened
