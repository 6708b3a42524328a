"""Options of embed that are refused before anything is read."""

from pathlib import Path

import pytest

from tma_prep.device import resolve_devices
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


def test_two_prompts_are_refused() -> None:
    """A text has one."""
    with pytest.raises(OptionError, match="--prefix is a prompt, and --prompt-name names another"):
        check_options(options(prefix="query: ", prompt_name="query"))


def test_more_processes_than_a_machine_has_use_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take its memory and wait for each other."""
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert resolve_devices("cpu:12") == ["cpu"] * 12
    with pytest.raises(OptionError, match="--device cpu:900: this machine has 12 cores"):
        resolve_devices("cpu:900")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert resolve_devices("cpu:2") == ["cpu"] * 2


def test_one_name_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is checked, and named in the error."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    for given, devices in {
        "auto": ["cuda"],
        "cuda:1": ["cuda:1"],
        "cpu": ["cpu"],
        "all": ["cuda:0", "cuda:1"],
        "1,0": ["cuda:1", "cuda:0"],
    }.items():
        assert resolve_devices(given) == devices
    with pytest.raises(OptionError, match="--device 0,2: torch sees 2 CUDA devices"):
        resolve_devices("0,2")
    with pytest.raises(OptionError, match="--device cuda:2: torch sees no such device"):
        resolve_devices("cuda:2")
