"""Options of embed that are refused before anything is read."""

from pathlib import Path

import pytest

from tma_prep.device import device_list
from tma_prep.embeddings.stage import check_options
from tma_prep.errors import OptionError
from tma_prep.options import EmbedOptions


def options(**more: object) -> EmbedOptions:
    """With inputs that nobody looks at."""
    given: dict[str, object] = {"train": ["none"], "test": ["none"], "out": Path("none")}
    return EmbedOptions.model_validate(given | more)


def test_a_budget_that_the_model_alone_exceeds_is_refused() -> None:
    """Vectors that are given need no model."""
    with pytest.raises(OptionError, match=r"--memory-budget 500MB: .*; give 1GB or more"):
        check_options(options(memory_budget="500MB"))
    check_options(options(memory_budget="1GB"))
    check_options(options(memory_budget="500MB", vectors_column="v"))


def test_more_processes_than_a_machine_has_use_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take its memory and wait for each other."""
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert device_list("cpu:12") == ["cpu"] * 12
    with pytest.raises(OptionError, match="--devices cpu:900: this machine has 12 cores"):
        device_list("cpu:900")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert device_list("cpu:2") == ["cpu"] * 2
