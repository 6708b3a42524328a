"""No file that is read becomes code, and no model runs its own unless the user trusts it."""

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.contracts.test_dependencies import PACKAGES, imports_of

Trees = dict[str, ast.Module]
Parse = Callable[[str], Trees]

UNPICKLING = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
RUNNING = {"eval", "exec", "compile", "__import__", "runpy.run_path", "os.system", "os.popen"}
LOADING = {"torch.load", "torch.jit.load", "torch.hub.load", "np.load", "numpy.load", "yaml.load"}
ONLY_FALSE = ("allow_pickle", "shell")
"""Keywords whose every other value is refused."""
TRUSTED = ("trusted", "trust_remote_code")
"""Names that a user's word goes by."""


def dangers(module: str, tree: ast.Module) -> Iterator[str]:
    """Whatever of a source could run what a file holds."""
    for name in imports_of(module, tree, package=False):
        if name.split(".")[0] in UNPICKLING:
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in RUNNING | LOADING:
                yield f"calls {called}"
            if called.rpartition(".")[2] == "import_module" and not _is_fixed(node.args[0]):
                yield "imports what a variable names"
        if isinstance(node, ast.keyword):
            value = ast.unparse(node.value)
            refused = (
                node.arg == "weights_only"
                or (node.arg in ONLY_FALSE and value != "False")
                or (node.arg == "trusted" and value == "True")
                or (node.arg == "trust_remote_code" and value.rpartition(".")[2] not in TRUSTED)
            )
            if refused:
                yield f"passes {node.arg}={value}"


def _is_fixed(node: ast.expr) -> bool:
    """A literal, or a constant of the module or an entry of one."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Constant) or isinstance(node, ast.Name) and node.id.isupper()


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_unpickled_or_evaluated(trees: Parse, package: str) -> None:
    """Neither inputs nor artifacts nor models."""
    found = {module: sorted(dangers(module, tree)) for module, tree in trees(package).items()}
    assert not {module: what for module, what in found.items() if what}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from cloudpickle import loads",
        "eval(text)",
        "exec(text)",
        "compile(text, 'x', 'exec')",
        "import torch\ntorch.load(path)",
        "numpy.load(path, allow_pickle=flag)",
        "np.fromfile(path, allow_pickle=True)",
        "yaml.load(text)",
        "subprocess.run(command, shell=True)",
        "importlib.import_module(name)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=None)",
        "resolve_model(x, trusted=True)",
        "torch_load(x, weights_only=False)",
    ],
)
def test_every_danger_is_seen(source: str) -> None:
    """The walk itself."""
    assert list(dangers("m", ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "re.compile(text)",
        "model.eval()",
        "AutoModel.from_pretrained(x, trust_remote_code=model.trusted)",
        "resolve_model(x, trusted=options.trust_remote_code)",
        "importlib.import_module(_PACKAGE)",
        "yaml.safe_load(text)",
    ],
)
def test_what_is_harmless_is_let_be(source: str) -> None:
    """And what a user's own word decides."""
    assert not list(dangers("m", ast.parse(source)))


def test_trust_begins_with_the_user(trees: Parse) -> None:
    """Nothing in the library trusts by default."""
    for package in PACKAGES:
        for module, tree in trees(package).items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    arguments = node.args
                    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
                    for argument, default in named:
                        if argument.arg in TRUSTED and default is not None:
                            assert ast.unparse(default) == "False", module
                if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in TRUSTED:
                    value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
                    assert value is None or ast.unparse(value) == "False", module
