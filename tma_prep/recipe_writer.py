"""`tma.toml`, written: a first one that teaches, or one read off the manifests of a workspace."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin

import tomlkit
from pydantic.fields import FieldInfo

from tma_prep.artifact import MANIFEST
from tma_prep.durable import write_text
from tma_prep.embeddings import Sides, open_sides
from tma_prep.errors import ArtifactError, InputError, OptionError
from tma_prep.files import any_path, is_remote
from tma_prep.option_types import alternatives
from tma_prep.options import EmbedOptions, InitOptions
from tma_prep.orders import arrange_options
from tma_prep.recipe import SECTIONS, TYPED_ALONE, keys_of
from tma_prep.rows import RowStore, recorded_inputs
from tma_prep.workspace import Workspace
from tma_prep_schemas.manifests import Option

_WIDTH = 98
_STARTER = """\
# What tma-prep is to do. Run it: tma-prep run tma.toml
#
# A section is a command: one that is not here does not run. A key is an option of that command. A
# line that begins with # and no space is a default: take the # away to change it. <...> is a place
# to fill in, and not set by default. An option that is repeatable takes a list. Paths are relative
# to this file. Run it as often as you like: what is there and has not changed is kept. [[arrange]]
# and [[train-check]], with two brackets, may stand here several times, with a name each.
"""
_RECORDED = """\
What made a workspace, read off its manifests. Run it: tma-prep run FILE
Paths are relative to this file. `out` names the workspace itself, where everything is
there and kept; name another folder to make it anew."""
_UPDATED = """\
Some embeddings were taken over by --update: embedded anew, they may differ in the
last places."""
_OUT = "work"
_STARTED: dict[str, dict[str, Option]] = {
    "embed": {"train": ["train.jsonl"], "test": ["test.jsonl"], "out": _OUT},
    "arrange": {"order": ["nft", "rt"]},
    "train-check": {"order": ["nft", "rt"]},
}
"""What a first file says in place of defaults."""
_WORDS = {int: "a whole number", float: "a number", str: "text", Path: "a path"}


def write_recipe(options: InitOptions) -> None:
    """Write a first file, or what made a workspace.

    Raises:
        OptionError: The file is there already.
        TmaPrepError: The workspace cannot be read, or the file not be written.
    """
    file = options.file
    if not options.overwrite and (file.exists() or file.is_symlink()):
        raise OptionError(f"{file}: is there already; give --overwrite, or another name")
    text = starter_text() if options.work is None else recorded_recipe(options.work, file)
    write_text(file, text)


def starter_text() -> str:
    """A file with every option of the three commands, its help and its default."""
    return "\n".join([_STARTER, *("\n".join(_starter(name)) + "\n" for name in SECTIONS)])


def _starter(section: str) -> Iterator[str]:
    fields = SECTIONS[section].model_fields
    yield f"[{section}]"
    for key, name in keys_of(section).items():
        yield ""
        # No break inside the name of an option.
        told = textwrap.wrap(str(fields[name].description), _WIDTH, break_on_hyphens=False)
        yield from (f"# {line}" for line in told)
        yield _starter_line(section, key, fields[name])


def _starter_line(section: str, key: str, field: FieldInfo) -> str:
    """A key with what the file starts with, or commented out with its default."""
    if key in _STARTED[section]:
        return f"{key} = {_toml(_STARTED[section][key])}"
    if key == "work":
        return f"#{key} = {_toml(_OUT)}  # that of [embed] or [arrange], where one stands here"
    kinds = alternatives(field.annotation)
    if field.default is None:
        return f"#{key} = <{' or '.join(filter(None, map(_words, kinds)))}>"
    others = [choice for kind in kinds for choice in _choices(kind) if choice != field.default]
    told = f"  # or {', '.join(map(_toml, others))}" if others else ""
    return f"#{key} = {_toml(field.default)}{told}"


def _words(kind: object) -> str:
    """A type in words, nothing for that of None."""
    if get_origin(kind) is list:
        return f"a list of {' or '.join(map(_words, alternatives(get_args(kind)[0])))}"
    words = " or ".join(map(_toml, _choices(kind)))
    return words or next((word for type_, word in _WORDS.items() if kind is type_), "")


def _choices(kind: object) -> tuple[Option, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _toml(value: Option) -> str:
    return tomlkit.item(value).as_string()


def recorded_recipe(work: Path, file: Path) -> str:
    """The text of a recipe that makes what a workspace holds, and says what it cannot make.

    Args:
        work: The workspace.
        file: Where the recipe will stand; paths below its folder become relative to it.

    Raises:
        ArtifactError: There is no workspace, nothing finished in it, or it is damaged.
        InputError: A path in it is not UTF-8.
    """
    workspace = Workspace(work)
    workspace.check_there()
    sides = open_sides(workspace)
    left_out: list[str] = []
    several = {
        "arrange": list(_arranged(workspace, left_out)),
        "train-check": list(_checked(workspace, left_out)),
    }
    document = tomlkit.document()
    for line in [*_head(sides, left_out), "", *_sources(sides, file.parent)]:
        # What is no plain letter is shown as Python does.
        plain = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
        document.add(tomlkit.comment(plain) if plain else tomlkit.nl())
    document.add("embed", _table(_embedded(sides, work, file.parent)))
    for section, tables in several.items():
        if tables:
            found = tomlkit.aot()
            found.extend(_table(values) for values in tables)
            document.add(section, found)
    text = document.as_string()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{work}: a path in it is not UTF-8, and cannot stand in a TOML file"
        ) from error
    return text


def _table(values: Mapping[str, Option]) -> tomlkit.items.Table:
    """A section; a long list has a line for each of its values."""
    table = tomlkit.table()
    for key, value in values.items():
        if value is None:
            continue
        item = tomlkit.item(value)
        if isinstance(item, tomlkit.items.Array) and len(f"{key} = {item.as_string()}") > _WIDTH:
            item.multiline(True)
        table.add(key, item)
    return table


def _head(sides: Sides, left_out: Iterable[str]) -> Iterator[str]:
    """What the recipe is, and what it does not say."""
    train, test = sides.train.manifest, sides.test.manifest
    versions = ", ".join(f"{name} {version}" for name, version in train.libraries.items())
    yield from _RECORDED.splitlines()
    yield f"Made by tma-prep {train.tool_version} with {versions}."
    yield from left_out
    if train.updated_from or test.updated_from:
        yield from _UPDATED.splitlines()
    if any(train.config.get(name) for name in TYPED_ALONE):
        yield "The model's own code was run: give --trust-remote-code if you trust it."


def _sources(sides: Sides, folder: Path) -> Iterator[str]:
    """What the inputs and the model must be, for a person to compare."""
    for side, rows in (("train", sides.train.row_store), ("test", sides.test.row_store)):
        paths = recorded_inputs(rows)[1]
        for path, found in zip(paths, rows.manifest.input_files, strict=True):
            name = _path(path, folder)
            yield f"{side}: {name}: {found.rows:,} rows, SHA-256 {found.sha256}"
    model = sides.train.manifest.config.get("model_sha256")
    if model is not None:
        yield f"model: SHA-256 {model}"


def _embedded(sides: Sides, work: Path, folder: Path) -> dict[str, Option]:
    train, test = (
        {**store.manifest.config, **store.row_store.manifest.config}
        for store in (sides.train, sides.test)
    )
    if test.get("on_bad_row") == "skip":
        # Where no row is bad it may be another word on either side.
        train["on_bad_row"] = "skip"
    for name in ("format", "columns", "exchange"):
        other = test.pop(name, None)
        train[f"test_{name}"] = None if name == "exchange" and other == train[name] else other
    for name, value in test.items():
        if name not in ("on_bad_row", "answered") and train.get(name) != value:
            raise ArtifactError(
                f"{work}: train and test were embedded with another {EmbedOptions.key_of(name)} "
                f"({train.get(name)} against {value}), which one recipe cannot say; run embed for "
                "both with --overwrite"
            )
    encoder = sides.train.manifest.encoder
    if encoder is not None:
        # What `auto` came to: on another machine it may come to something else.
        train |= {name: encoder.get(name) for name in ("dtype", "device")}

    def named(rows: RowStore) -> Option:
        return [_path(name, folder) for name in recorded_inputs(rows)[0]]

    return {
        "train": named(sides.train.row_store),
        "test": named(sides.test.row_store),
        "out": _path(str(work.absolute()), folder),
        **_keys("embed", train),
    }


def _arranged(workspace: Workspace, left_out: list[str]) -> Iterator[dict[str, Option]]:
    """One section for all orders that stand under their own names and were made alike."""
    orders: dict[str, list[str]] = {}
    sections: dict[str, dict[str, Option]] = {}
    for name in workspace.names("orders"):
        order, shards = workspace.order(name), workspace.shards(name).read()
        manifest = order.finished()
        if order.stale(manifest) is not None:
            left_out.append(f"Left out: order {name}, made from other embeddings.")
            continue
        config = dict(manifest.config)
        if shards is not None and shards.inputs.get(f"orders/{name}") == order.sha256:
            config |= shards.config
        values = {
            "name": None if name == manifest.order else name,
            **_keys("arrange", arrange_options(config)),
            "shards": shards is not None,
        }
        alike = json.dumps(values)
        sections[alike] = values
        orders.setdefault(alike, []).append(manifest.order)
    for alike, values in sections.items():
        yield {"order": orders[alike], **values}


def _checked(workspace: Workspace, left_out: list[str]) -> Iterator[dict[str, Option]]:
    for name in workspace.names("checks"):
        check = workspace.check(name)
        manifest = check.finished()
        there = all((workspace.root / parent / MANIFEST).is_file() for parent in manifest.inputs)
        if there and check.stale(manifest) is None:
            yield {"name": name, **_keys("train-check", manifest.config)}
        else:
            left_out.append(f"Left out: check {name}, made from other shards.")


def _keys(section: str, config: Mapping[str, Option]) -> dict[str, Option]:
    """What a section says, by its keys, in the order of the options."""
    return {key: config[name] for key, name in keys_of(section).items() if name in config}


def _path(text: str, folder: Path) -> str:
    """A path as the recipe has it: relative where it lies below the recipe's folder."""
    path = any_path(text)
    folder = folder.absolute()
    if is_remote(path) or not path.is_relative_to(folder):
        return text
    found = path.relative_to(folder).as_posix()
    # What would be taken for a home folder or a URL.
    return text if found[:1] == "~" or ":" in found else found
