"""Artifacts: folders that are whole or absent, with a manifest that is written last."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Generic, Literal, TypedDict, TypeVar

from pydantic import BaseModel, ValidationError
from upath import UPath

import tma_prep
from tma_prep.durable import beside, place_folder, remove_folder, sha256_of, write_text
from tma_prep.errors import ArtifactError
from tma_prep.files import AnyPath, read_file, sent_folder
from tma_prep_schemas import Manifest
from tma_prep_schemas.manifests import Option

MANIFEST = "manifest.json"
_REPLACE = "replace it with --overwrite, or use another workspace"
_REPLACE_NAMED = "keep both with --name, or replace it with --overwrite"
_NAMED = ("order", "shards", "check")

EMBED_AGAIN = "run the same embed with --overwrite"
ARRANGE_AGAIN = "run arrange again with --overwrite"
"""Remedies for damaged artifacts."""

_COMPARED = ("rows", "embeddings", "orders", "shards")
"""Parents that an artifact is held against; a ranking or the leakage under an order may have been
made for another order since."""

AnyManifest = TypeVar("AnyManifest", bound=Manifest)
AnyModel = TypeVar("AnyModel", bound=BaseModel)


def manifest_text(manifest: Manifest) -> str:
    """What stands in its file."""
    return manifest.model_dump_json(indent=2) + "\n"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest; from then on its artifact is finished."""
    write_text(path, manifest_text(manifest))


def read_manifest(path: AnyPath, model: type[AnyModel]) -> AnyModel | None:
    """The manifest, or another file of JSON that has a model; None where there is none.

    Raises:
        ArtifactError: It is damaged or of another version of the format.
    """
    try:
        return model.model_validate_json(read_file(path))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise ArtifactError(f"{path.parent}: is a file where a folder is needed") from error
    except IsADirectoryError as error:
        raise ArtifactError(f"{path}: is a folder where a file is needed; remove it") from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("format_version",) and first["input"] == 1:
            raise ArtifactError(
                f"{path}: was made by tma-prep 0.1; run embed again, into another workspace"
            ) from error
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ArtifactError(
            f"{path}: is damaged or of another version ({where}: {first['msg']}); "
            "make it again with --overwrite, or use another workspace"
        ) from error


def check_files(folder: AnyPath, manifest: Manifest, remedy: str) -> None:
    """Compare every file of an artifact with its manifest.

    Raises:
        ArtifactError: One is missing or differs; the text names it.
    """
    for entry in manifest.all_files:
        path = folder / entry.file
        if not path.is_file():
            raise ArtifactError(f"{path}: is missing; {remedy}")
        size = path.stat().st_size
        if size != entry.bytes:
            raise ArtifactError(f"{path}: has {size} bytes, not {entry.bytes}; {remedy}")
        if sha256_of(path) != entry.sha256:
            raise ArtifactError(f"{path}: its SHA-256 is not the manifest's; {remedy}")


def differences(
    config: Mapping[str, Option],
    inputs: Mapping[str, str],
    other: Manifest,
) -> list[str]:
    """What differs between what is wanted and what a finished artifact was made with."""
    found = [
        f"{name.replace('_', '-')} was {_shown(other.config.get(name))}, "
        f"now {_shown(config.get(name))}"
        for name in sorted({*config, *other.config})
        if config.get(name) != other.config.get(name)
    ]
    names = dict.fromkeys([*inputs, *other.inputs])
    changed = [f"{name} changed" for name in names if inputs.get(name) != other.inputs.get(name)]
    if not changed and list(inputs) != list(other.inputs):
        changed = ["the inputs stand in another order"]
    return found + changed


class _Parents(BaseModel):
    """What is read of the manifest of any artifact."""

    inputs: dict[str, str] = {}


@dataclass(frozen=True)
class Artifact(Generic[AnyManifest]):
    """A step of a workspace: a folder whose manifest, written last, says that it is finished.

    It is missing; in the making, in a hidden folder beside it; finished; or stale: made from
    parents that have been replaced since.

    Attributes:
        folder: Where it belongs.
        model: What its manifest must be.
        command: What makes it.
        root: The workspace in which its parents lie.
        remote: Where it is sent if it goes to another machine.
    """

    folder: Path
    model: type[AnyManifest]
    command: Literal["embed", "arrange", "export", "train-check"]
    root: Path
    remote: UPath | None = None

    @property
    def place(self) -> AnyPath:
        """Where it is in the end."""
        return self.folder if self.remote is None else self.remote

    @property
    def path(self) -> AnyPath:
        """Its manifest."""
        return self.place / MANIFEST

    @property
    def sha256(self) -> str:
        """Of its manifest, as what is made from it names it."""
        return sha256_of(self.path)

    def read(self) -> AnyManifest | None:
        """Its manifest, None where it is not finished; its files are not looked at.

        Raises:
            ArtifactError: The manifest is damaged or of another version of the format.
        """
        return read_manifest(self.path, self.model)

    def finished(self) -> AnyManifest:
        """The same of one that must be there.

        Raises:
            ArtifactError: It is not finished, or its manifest is damaged.
        """
        manifest = self.read()
        if manifest is None:
            kind = self.model.model_fields["kind"].default
            raise ArtifactError(
                f"{self.place}: holds no finished {kind}; run tma-prep {self.command} to its end"
            )
        return manifest

    def open(self) -> AnyManifest:
        """The same, once every file was compared with the manifest.

        Raises:
            ArtifactError: It is not finished, or damaged.
        """
        manifest = self.finished()
        remedy = EMBED_AGAIN if self.command == "embed" else ARRANGE_AGAIN
        check_files(self.folder, manifest, remedy)
        return manifest

    def stale(self, manifest: Manifest) -> str | None:
        """Why it is out of date, and the command that mends it; None where it is not.

        A parent that is not there any more is not compared.

        Args:
            manifest: Its own.
        """
        parent = _replaced(self.root, manifest.inputs)
        if parent is None:
            return None
        remedy = f"run the same {self.command} again"
        if self.command == "embed":
            remedy = "run embed again, with --update to embed only what is new"
        return f"{self.folder}: was made from other {parent} than the workspace holds now; {remedy}"

    def reused(
        self,
        config: Mapping[str, Option],
        inputs: Mapping[str, str] | None,
        *,
        overwrite: bool,
        same: Callable[[str, AnyManifest], bool] = lambda option, existing: False,
        if_stale: str | None = None,
    ) -> AnyManifest | None:
        """Its manifest if it is the one wanted and whole, None if it is to be made.

        One that was made with the options wanted and is stale is to be made again.

        Args:
            config: The options wanted.
            inputs: SHA-256 of its parents' manifests; None where these are not known yet: then the
                options alone are compared, and no file.
            overwrite: Make it anew if it is another one or damaged.
            same: Whether the artifact is the same whatever this option says.
            if_stale: What to do with a stale one that is dear, in place of making it again.

        Raises:
            ArtifactError: It is another one or damaged, and `overwrite` is off.
        """
        try:
            found = self.read()
            if found is None:
                return None
            wanted = {
                option: found.config.get(option) if same(option, found) else value
                for option, value in config.items()
            }
            different = "; ".join(differences(wanted, found.inputs, found)[:3])
            if different:
                remedy = _REPLACE_NAMED if found.kind in _NAMED else _REPLACE
                raise ArtifactError(
                    f"{self.place}: holds {found.kind} made differently ({different}); {remedy}"
                )
            if inputs is None:
                return found
            stale = "; ".join(differences(found.config, inputs, found)[:3])
            if stale and if_stale is None:
                return None
            if stale:
                raise ArtifactError(
                    f"{self.place}: holds {found.kind} that is out of date ({stale}); {if_stale}"
                )
            check_files(self.place, found, "make it again with --overwrite")
        except ArtifactError:
            if overwrite:
                return None
            raise
        return found

    @contextlib.contextmanager
    def making(self) -> Iterator["Making"]:
        """Where it is written; it takes its place only if all went well and it was finished."""
        if self.remote is not None:
            with sent_folder(beside(self.folder, "sending"), self.remote, MANIFEST) as folder:
                yield Making(folder)
            return
        partial = beside(self.folder, "partial")
        remove_folder(partial)
        partial.mkdir(parents=True)
        try:
            yield Making(partial)
        except BaseException:
            remove_folder(partial)
            raise
        place_folder(partial, self.folder)


@dataclass(frozen=True)
class Making:
    """An artifact in the making."""

    folder: Path

    def finish(self, manifest: AnyManifest) -> AnyManifest:
        """Write the manifest, the last of its files."""
        write_manifest(self.folder / MANIFEST, manifest)
        return manifest


def _replaced(root: Path, inputs: Mapping[str, str]) -> str | None:
    """The first of these parents, or of theirs, that another one has taken the place of."""
    for name, sha256 in inputs.items():
        path = root / name / MANIFEST
        if name.split("/")[0] not in _COMPARED or not path.is_file():
            continue
        if sha256_of(path) != sha256:
            return name
        parents = read_manifest(path, _Parents)
        deeper = _replaced(root, parents.inputs) if parents else None
        if deeper is not None:
            return deeper
    return None


def _shown(value: Option) -> str:
    text = "unset" if value is None or value == "" else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


class Made(TypedDict):
    """What every manifest says of how its artifact was made."""

    tool_version: str
    libraries: dict[str, str]
    config: dict[str, Option]
    inputs: dict[str, str]


def made(config: Mapping[str, Option], inputs: Mapping[str, str], libraries: Iterable[str]) -> Made:
    """What a manifest says of how its artifact was made, with the versions that are installed."""
    return {
        "tool_version": tool_version(),
        "libraries": library_versions(*libraries),
        "config": dict(config),
        "inputs": dict(inputs),
    }


def tool_version() -> str:
    """The version of tma-prep."""
    return tma_prep.__version__


def library_versions(*names: str) -> dict[str, str]:
    """Versions of the installed ones among these distributions."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
