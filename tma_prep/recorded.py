"""From the manifests of a workspace alone to the recipe that makes its orders and checks again."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tma_prep.artifact import MANIFEST, read_manifest, sha256_of
from tma_prep.errors import ArtifactError
from tma_prep.files import any_path, is_remote
from tma_prep.options import option_name
from tma_prep.orders import arrange_options, order_names
from tma_prep.recipe import SECTIONS, TYPED_ALONE
from tma_prep.recipe_text import comment, section_text
from tma_prep.rows import open_rows, recorded_inputs
from tma_prep.workspace import Workspace
from tma_prep_schemas import (
    CheckManifest,
    EmbeddingsManifest,
    OrderManifest,
    ShardsManifest,
)
from tma_prep_schemas.manifests import Manifest, Option

_SIDES = ("train", "test")


@dataclass(frozen=True)
class _Order:
    """A finished order: its name, and every key of the section that makes it."""

    name: str
    order: str
    values: dict[str, Option]


def recorded_recipe(work: Path, file: Path) -> str:
    """The text of a recipe that makes what a workspace holds, and says what it cannot make.

    Args:
        work: The workspace.
        file: Where the recipe will stand; paths below its folder become relative to it.

    Raises:
        ArtifactError: There is no workspace, nothing finished in it, or it is damaged.
    """
    workspace = Workspace(work)
    workspace.check_there()
    embedded = {side: _embeddings(workspace, side) for side in _SIDES}
    inputs = {
        f"embeddings/{side}": sha256_of(workspace.embeddings(side) / MANIFEST) for side in _SIDES
    }
    left_out: list[str] = []
    orders = list(_orders(workspace, inputs, left_out))
    checks = list(_checks(workspace, inputs, left_out))
    texts = [
        _head(embedded, left_out),
        section_text(
            "[embed]",
            _embed_values(workspace, file, embedded),
            _of_embed(workspace, embedded, file.parent),
        ),
        *(section_text("[[arrange]]", values) for values in _grouped(orders)),
        *(section_text("[[train-check]]", values) for values in checks),
    ]
    return "\n".join(texts)


def _embeddings(workspace: Workspace, side: str) -> EmbeddingsManifest:
    folder = workspace.embeddings(side)
    manifest = read_manifest(folder / MANIFEST, EmbeddingsManifest)
    if manifest is None:
        raise ArtifactError(
            f"{folder}: holds no finished embeddings; run tma-prep embed to its end first"
        )
    return manifest


def _head(embedded: Mapping[str, EmbeddingsManifest], left_out: list[str]) -> str:
    train = embedded["train"]
    versions = ", ".join(f"{name} {version}" for name, version in train.libraries.items())
    lines = [
        "What made a workspace, read off its manifests. Run it: tma-prep run FILE",
        "Paths are relative to this file. `out` names the workspace itself, where everything is",
        "there and kept; name another folder to make it anew.",
        f"Made by tma-prep {train.tool_version} with {versions}.",
        *left_out,
    ]
    if any(manifest.updated_from for manifest in embedded.values()):
        lines.append(
            "Some vectors were taken over by --update: embedded anew, they may differ in the last "
            "places."
        )
    if any(train.config.get(name) for name in TYPED_ALONE):
        lines.append("The model's own code was run: give --trust-remote-code if you trust it.")
    return "".join(f"{comment(line)}\n" for line in lines)


def _embed_values(
    workspace: Workspace, file: Path, embedded: Mapping[str, EmbeddingsManifest]
) -> dict[str, Option]:
    train, test = (embedded[side] for side in _SIDES)
    stores = {side: open_rows(workspace, side) for side in _SIDES}
    rows, test_rows = (stores[side].manifest.config for side in _SIDES)
    config = {**train.config, **rows}
    if test_rows.get("on_bad_row") == "skip":
        # Where no row is bad it may be another word on either side.
        config["on_bad_row"] = "skip"
    for name, value in {**test.config, **test_rows}.items():
        if name != "on_bad_row" and config.get(name) != value:
            raise ArtifactError(
                f"{workspace.root}: train and test were embedded with another {option_name(name)} "
                f"({config.get(name)} against {value}), which one recipe cannot say; run embed for "
                "both with --overwrite"
            )
    if train.encoder is not None:
        # What `auto` came to: on another machine it may come to something else.
        config |= {name: train.encoder.get(name) for name in ("dtype", "device")}
    paths: dict[str, Option] = {
        side: [_path(name, file.parent) for name in recorded_inputs(stores[side])[0]]
        for side in _SIDES
    }
    return {
        **paths,
        "out": _path(str(workspace.root.absolute()), file.parent),
        **_keys("embed", config),
    }


def _of_embed(
    workspace: Workspace, embedded: Mapping[str, EmbeddingsManifest], folder: Path
) -> Iterator[str]:
    """What the inputs and the model must be, for a person to compare."""
    for side in _SIDES:
        store = open_rows(workspace, side)
        paths = recorded_inputs(store)[1]
        for path, found in zip(paths, store.manifest.input_files, strict=True):
            yield f"{side}: {_path(path, folder)}: {found.rows:,} rows, SHA-256 {found.sha256}"
    model = embedded["train"].config.get("model_sha256")
    if model is not None:
        yield f"model: SHA-256 {model}"


def _orders(workspace: Workspace, inputs: dict[str, str], left_out: list[str]) -> Iterator[_Order]:
    for name in order_names(workspace):
        manifest = read_manifest(workspace.order_manifest(name), OrderManifest)
        if manifest is None:
            continue
        if any(manifest.inputs.get(parent) != sha256 for parent, sha256 in inputs.items()):
            left_out.append(f"Left out: order {name}, made from other embeddings.")
            continue
        shards = read_manifest(workspace.shards(name) / MANIFEST, ShardsManifest)
        config = dict(manifest.config)
        sha256 = sha256_of(workspace.order_manifest(name))
        if shards is not None and shards.inputs.get(f"orders/{name}") == sha256:
            config |= shards.config
        values = _keys("arrange", arrange_options(config)) | {"shards": shards is not None}
        yield _Order(name, manifest.order, values)


def _grouped(orders: list[_Order]) -> Iterator[dict[str, Option]]:
    """One section for all orders that stand under their own names and were made alike."""
    alike: dict[str, list[_Order]] = {}
    for order in orders:
        key = json.dumps(order.values) if order.name == order.order else f"name {order.name}"
        alike.setdefault(key, []).append(order)
    for group in alike.values():
        first = group[0]
        own_name = first.name == first.order
        yield {
            "order": [order.order for order in group],
            "name": None if own_name else first.name,
            **first.values,
        }


def _checks(
    workspace: Workspace, inputs: dict[str, str], left_out: list[str]
) -> Iterator[dict[str, Option]]:
    for path in sorted(workspace.check("x").parent.glob(f"[!.]*/{MANIFEST}")):
        manifest = read_manifest(path, CheckManifest)
        if manifest is None:
            continue
        name = path.parent.name
        shards = [each.removeprefix("shards/") for each in manifest.inputs if "shards/" in each]
        now = inputs | {
            f"shards/{order}": sha256_of(workspace.shards(order) / MANIFEST)
            for order in shards
            if (workspace.shards(order) / MANIFEST).is_file()
        }
        if not _made_from(manifest, now):
            left_out.append(f"Left out: check {name}, made from other shards.")
            continue
        yield {"name": name, **_keys("train-check", manifest.config)}


def _made_from(manifest: Manifest, inputs: Mapping[str, str]) -> bool:
    return all(inputs.get(name) == sha256 for name, sha256 in manifest.inputs.items())


def _keys(section: str, config: Mapping[str, Option]) -> dict[str, Option]:
    """What a section says, by its keys, in the order of the options."""
    return {
        option_name(field): config[field]
        for field in SECTIONS[section].model_fields
        if field in config and field not in TYPED_ALONE
    }


def _path(text: str, folder: Path) -> str:
    """A path as the recipe has it: relative where it lies below the recipe's folder."""
    path = any_path(text)
    folder = folder.absolute()
    if is_remote(path) or not path.is_relative_to(folder):
        return text
    found = path.relative_to(folder).as_posix()
    # What would be taken for a home folder or a URL.
    return text if found[:1] == "~" or ":" in found else found
