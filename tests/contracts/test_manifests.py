"""Manifests hold exactly what they promise."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tma_prep_schemas import FileEntry, manifest_models

SHA256 = "0123456789abcdef" * 4
FILE: dict[str, Any] = {"file": "part-00000.arrow", "rows": 1, "bytes": 2, "sha256": SHA256}
COMMON: dict[str, Any] = {
    "tool_version": "0.1.0",
    "libraries": {"numpy": "2.0.0"},
    "config": {"seed": 0, "train": ["a"], "model": None},
    "inputs": {"embeddings/train": SHA256},
    "rows": 1,
    "files": [FILE],
}
SOURCE: dict[str, Any] = {
    "files": [{"path": "/data/x.jsonl", "bytes": 1, "sha256": SHA256, "rows": 1}],
    "format": "alpaca",
    "task_column": None,
    "arrow_schema": "",
    "columns": ["prompt: string"],
}
ORDER_SUMMARY: dict[str, Any] = {
    "control": "none",
    "order": "nft",
    "start_loss": 2.0,
    "final_loss": 1.0,
    "best_loss": 1.0,
    "early_loss": 1.9,
    "auc_steps": 1.5,
    "auc_tokens": 1.5,
    "steps_to_reach_random": None,
    "rows_seen": 1,
    "response_tokens_seen": 1,
    "steps": [0, 1],
    "loss": [2.0, 1.0],
    "loss_low": [1.9, 0.9],
    "loss_high": [2.1, 1.1],
    "token_weighted_loss": [2.0, 1.0],
}
DIFFERENCE: dict[str, Any] = {
    "a": "nft",
    "b": "rt",
    "measure": "auc_steps",
    "control": "no-leak",
    "mean": -0.5,
    "low": -0.6,
    "high": -0.4,
    "verdict": "lower",
    "envelope": None,
    "smallest_effect": 0.1,
}
MILESTONE: dict[str, Any] = {
    "control": "none",
    "order": "nft",
    "task": None,
    "fall_total": 1.0,
    "step_50": 0.5,
    "step_90": 0.9,
}
FALL: dict[str, Any] = {
    "control": "none",
    "order": "nft",
    "seed": 0,
    "task": "sums",
    "from_step": 0,
    "to_step": 1,
    "fall": 1.0,
    "rows": [{"tma_row": 0, "similarity": 0.5, "test_row": 0}],
}
LEAKAGE: dict[str, Any] = {
    "rule": "half",
    "ngram": 8,
    "pool_rows": 10,
    "leaking_rows": 3,
    "equal_rows": 1,
    "ngram_rows": 2,
    "share_of_first": {"nft": 0.5},
}
BASE = {"steps": 1, "rows": 16, "mean_loss_before": 8.0, "mean_loss_after": 6.0}
FACTS: dict[str, Any] = {
    "rounds": 1,
    "largest_round": 1,
    "median_round": 1.0,
    "smallest_round": 1,
    "shared_winners": 0.0,
    "never_first_choice": 0,
    "never_listed": 0,
    "hubs": [{"tma_row": 0, "tests": 1}],
    "coverage": 0.5,
    "least_covered": {"0": 0.5},
    "coverage_by_test": {"0": 0.5},
    "coverage_by_task": {},
    "units": None,
    "transport": None,
}
STAGE: dict[str, Any] = {
    "first_position": 0,
    "last_position": 0,
    "rows": 1,
    "tokens": 2,
    "mean_similarity": 0.5,
    "first_round": 1,
    "last_round": 1,
    "tasks": [],
}
GOOD: dict[str, dict[str, Any]] = {
    "rows": COMMON
    | {
        "side": "train",
        "input_files": [{"name": "t.jsonl", "bytes": 1, "sha256": SHA256, "rows": 2}],
        "layouts": [{"format": "prompt-response"}],
        "traits": {},
        "columns": ["prompt: string"],
        "skipped_rows": 0,
        "skipped": None,
    },
    "embeddings": COMMON
    | {
        "side": "train",
        "dimension": 3,
        "instances": FILE | {"file": "instances.parquet"},
        "encoder": None,
        "unique_texts": None,
        "tokens": 2,
        "tokens_lost": 0,
        "truncated_rows": 0,
        "response_cut_rows": 0,
    },
    "neighbors": COMMON | {"test_rows": 1, "train_rows": 1},
    "leakage": COMMON
    | {
        "train_rows": 1,
        "test_rows": 1,
        "counts": {"equal": 1, "normalised": 0, "ngram": 0, "similarity": 0, "tests": 1},
    },
    "ranking": COMMON | {"ranking": "tma", "facts": FACTS},
    "order": COMMON | {"order": "nft"},
    "shards": COMMON
    | {
        "order": "nft",
        "layouts": [{"format": "alpaca"}],
        "traits": {},
        "schedule": FILE | {"file": "schedule.json"},
    },
    "schedule": {"order": "nft", "tokens_counted_by": "encoder", "stages": [STAGE]},
    "export": COMMON
    | {
        "order": "nft",
        "trainer": "trl",
        "form": "exchange",
        "total_rows": 2,
        "cut_rows": 1,
        "skipped_rows": 0,
        "skipped": None,
        "warnings": ["One row was cut."],
    },
    "check": COMMON | {"orders": ["nft"]},
    "check-summary": {
        "headline": "nft is lower than rt.",
        "model": "tiny",
        "parameters": 1,
        "seeds": [0],
        "tasks": 1,
        "test_rows": 1,
        "unscored_test_rows": [],
        "train_rows": 1,
        "steps": 1,
        "batch_size": 1,
        "base": BASE,
        "leakage": LEAKAGE,
        "orders": [ORDER_SUMMARY],
        "differences": [DIFFERENCE],
        "milestones": [MILESTONE],
        "falls": [FALL],
    },
}


MANIFESTS = sorted(manifest_models().keys() - {"check-summary", "schedule"})


def _model(name: str) -> type[BaseModel]:
    return manifest_models()[name]


@pytest.mark.parametrize("name", manifest_models())
def test_a_manifest_comes_back_from_its_text(name: str) -> None:
    """And carries the version of its format."""
    manifest = _model(name).model_validate(GOOD[name])
    assert _model(name).model_validate_json(manifest.model_dump_json()) == manifest
    assert manifest.model_dump()["format_version"] == 2


@pytest.mark.parametrize("name", manifest_models())
def test_unknown_keys_and_versions_are_refused(name: str) -> None:
    """A key from elsewhere, or a version that is not known."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        _model(name).model_validate(GOOD[name] | {"surprise": 1})
    with pytest.raises(ValidationError, match="format_version"):
        _model(name).model_validate(GOOD[name] | {"format_version": 3})


@pytest.mark.parametrize("name", manifest_models())
def test_every_key_is_needed(name: str) -> None:
    """Defaults are for what every manifest of a kind says alike, and for what was made of none."""
    for key in GOOD[name].keys() - {"inputs"}:
        with pytest.raises(ValidationError, match="Field required"):
            _model(name).model_validate({k: v for k, v in GOOD[name].items() if k != key})


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_not_taken_for_another(name: str) -> None:
    """`kind` is fixed."""
    with pytest.raises(ValidationError, match="kind"):
        _model(name).model_validate(GOOD[name] | {"kind": "something"})


@pytest.mark.parametrize(
    "file",
    [
        "../part-0.arrow",
        "/etc/passwd",
        "sub/part-0.arrow",
        "sub\\part-0.arrow",
        "..",
        ".",
        ".hidden",
        "",
        "a\n",
        "a\x00",
        "C:x",
    ],
)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_file_name_with_a_path_in_it_is_refused(name: str, file: str) -> None:
    """No manifest points outside its folder."""
    with pytest.raises(ValidationError, match="file"):
        _model(name).model_validate(GOOD[name] | {"files": [FILE | {"file": file}]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": SHA256[:-1]},
        {"sha256": SHA256.upper()},
        {"rows": -1},
        {"bytes": -1},
        {"rows": "many"},
        {"more": 1},
    ],
)
def test_a_file_entry_is_strict(wrong: dict[str, object]) -> None:
    """Hash, sizes and keys."""
    assert FileEntry.model_validate(FILE).file == "part-00000.arrow"
    with pytest.raises(ValidationError):
        FileEntry.model_validate(FILE | wrong)
