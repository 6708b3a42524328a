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
    "order": "nft",
    "start_loss": 2.0,
    "final_loss": 1.0,
    "best_loss": 1.0,
    "auc_steps": 1.5,
    "rows_seen": 1,
    "response_tokens_seen": 1,
    "steps": [0, 1],
    "loss": [2.0, 1.0],
    "token_weighted_loss": [2.0, 1.0],
}
FACTS: dict[str, Any] = {
    "rounds": 1,
    "largest_round": 1,
    "shared_winners": 0.0,
    "never_first_choice": 0,
    "never_listed": 0,
    "hubs": [{"tma_row": 0, "tests": 1}],
    "coverage": 0.5,
    "least_covered": {"0": 0.5},
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
    "embeddings": COMMON
    | {
        "side": "train",
        "source": SOURCE,
        "dimension": 3,
        "instances": FILE | {"file": "instances.parquet"},
        "encoder": None,
        "skipped_rows": 0,
        "skipped": None,
        "unique_texts": None,
        "tokens": 2,
        "tokens_lost": 0,
        "truncated_rows": 0,
        "response_cut_rows": 0,
    },
    "neighbors": COMMON | {"test_rows": 1, "train_rows": 1},
    "ranking": COMMON | {"ranking": "tma", "facts": FACTS},
    "order": COMMON | {"order": "nft"},
    "shards": COMMON
    | {"order": "nft", "format": "alpaca", "schedule": FILE | {"file": "schedule.json"}},
    "schedule": {"order": "nft", "tokens_counted_by": "encoder", "stages": [STAGE]},
    "check": COMMON | {"orders": ["nft"]},
    "check-summary": {
        "test_rows": 1,
        "train_rows": 1,
        "steps": 1,
        "batch_size": 1,
        "parameters": 1,
        "unscored_test_rows": [],
        "orders": [ORDER_SUMMARY],
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
    assert manifest.model_dump()["format_version"] == 1


@pytest.mark.parametrize("name", manifest_models())
def test_unknown_keys_and_versions_are_refused(name: str) -> None:
    """A key from elsewhere, or a version that is not known."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        _model(name).model_validate(GOOD[name] | {"surprise": 1})
    with pytest.raises(ValidationError, match="format_version"):
        _model(name).model_validate(GOOD[name] | {"format_version": 2})


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
