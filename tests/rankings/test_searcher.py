"""The one seam to FAISS."""

import builtins
from collections.abc import Iterator

import pytest

from tma_prep.errors import DependencyError, OptionError
from tma_prep.rankings.searcher import load_faiss, open_searcher


@pytest.fixture
def no_faiss(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which FAISS is not installed."""
    real_import = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "faiss":
            raise ImportError("No module named 'faiss'")
        return real_import(name, *rest)  # type: ignore[arg-type]

    load_faiss.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    yield
    load_faiss.cache_clear()


@pytest.mark.usefixtures("no_faiss")
def test_without_faiss_the_extra_is_named() -> None:
    """The remedy is a command that can be typed."""
    with pytest.raises(DependencyError, match=r"pip install 'tma-prep\[cpu\]'"):
        open_searcher("cpu")


def test_a_gpu_that_is_not_there_is_told() -> None:
    """On a machine whose FAISS sees none."""
    if getattr(load_faiss(), "get_num_gpus", lambda: 0)():
        pytest.skip("this machine has a GPU that FAISS sees")
    with pytest.raises(OptionError, match="FAISS sees 0 GPUs"):
        open_searcher("cuda")
    assert open_searcher("auto").most_neighbors is None
