"""The configurations hold exactly the settings that keep the order, whatever the names are."""

import ast
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.trainers.test_export import config_of, run
from tma_prep.errors import OptionError
from tma_prep.trainers.registry import TRAINERS

ODD = "we: {ird} # 'x' \"y\" \\ %s ${z} @OPTIONS@ - [日本 🎉]"
"""A folder whose name means something in YAML, JSON, Python and shells."""

SCRIPTS, CONFIGS = ("transformers", "trl"), ("axolotl", "llamafactory", "torchtune")


def parsed(text: str) -> Any:  # noqa: ANN401
    """The YAML of a configuration."""
    return yaml.safe_load(text)


def wanted(trainer: str, folder: Path, data: bytes, *, chats: bool, packing: bool) -> Any:  # noqa: ANN401
    """Every setting, by hand."""
    if trainer == "axolotl":
        kind: Any = {
            "field_instruction": "instruction",
            "field_output": "output",
            "format": "{instruction}",
            "no_input_format": "{instruction}",
        }
        dataset = {"path": f"{folder}/train.parquet", "ds_type": "parquet", "split": "train"}
        form = {"type": kind}
        if chats:
            form = {
                "type": "chat_template",
                "field_messages": "messages",
                "message_property_mappings": {"role": "role", "content": "content"},
                "roles_to_train": ["assistant"],
            }
        return {
            "datasets": [dataset | form],
            **({"chat_template": "tokenizer_default"} if chats else {}),
            "curriculum_sampling": True,
            "shuffle_merged_datasets": False,
            "sample_packing": packing,
            **({"sample_packing_sequentially": True} if packing else {}),
            "excess_length_strategy": "raise",
            "dataset_prepared_path": f"last_run_prepared/{hashlib.sha256(data).hexdigest()[:16]}",
            "val_set_size": 0,
            "train_on_inputs": False,
            "num_epochs": 1,
        }
    if trainer == "llamafactory":
        return {
            "stage": "sft",
            "do_train": True,
            "dataset_dir": str(folder),
            "dataset": "tma_nft",
            "disable_shuffling": True,
            "streaming": False,
            "packing": False,
            "val_size": 0.0,
            "num_train_epochs": 1.0,
        }
    form = {
        "_component_": "torchtune.datasets.instruct_dataset",
        "column_map": {"input": "input", "output": "output"},
    }
    if chats:
        form = {
            "_component_": "torchtune.datasets.chat_dataset",
            "conversation_column": "messages",
            "conversation_style": "openai",
        }
    source = {
        "source": "parquet",
        "data_files": f"{folder}/train.parquet",
        "split": "train",
        "train_on_input": False,
        "packed": packing,
    }
    return {"dataset": form | source, "shuffle": False, "epochs": 1}


@pytest.mark.parametrize("chats", [False, True], ids=["exchanges", "chats"])
@pytest.mark.parametrize("trainer", CONFIGS)
def test_exactly_these_settings(
    ordered: Path, ordered_chats: Path, tmp_path: Path, trainer: str, chats: bool
) -> None:
    """With a path that holds everything which YAML cares for."""
    packing = trainer != "llamafactory" and not chats
    folder = tmp_path / ODD
    work = ordered_chats if chats else ordered
    result = run(work, folder, trainer, packing=packing)
    data = (folder / "train.parquet").read_bytes()
    expected = wanted(trainer, folder, data, chats=chats, packing=packing)
    assert parsed(config_of(result)) == expected


def test_the_datasets_of_llamafactory(ordered: Path, ordered_chats: Path, tmp_path: Path) -> None:
    """Alpaca for exchanges, ShareGPT with OpenAI's names for conversations; one file of rows."""
    run(ordered, tmp_path / "a", "llamafactory")
    assert json.loads((tmp_path / "a" / "dataset_info.json").read_text()) == {
        "tma_nft": {
            "file_name": "train.parquet",
            "formatting": "alpaca",
            "columns": {"prompt": "instruction", "response": "output"},
        }
    }
    run(ordered_chats, tmp_path / "b", "llamafactory")
    assert json.loads((tmp_path / "b" / "dataset_info.json").read_text()) == {
        "tma_nft": {
            "file_name": "train.parquet",
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "observation_tag": "observation",
                "function_tag": "function_call",
                "system_tag": "system",
            },
        }
    }


def constants(text: str) -> dict[str, Any]:
    """What a script assigns at its top, as values."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            found[ast.unparse(target)] = node.value.value
    return found


def arguments(text: str, call: str) -> dict[str, str]:
    """The keyword arguments of a call, as written."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call:
            return {str(keyword.arg): ast.unparse(keyword.value) for keyword in node.keywords}
    raise AssertionError(call)


COMMON = {
    "output_dir": "str(given.output)",
    "train_sampling_strategy": "'sequential'",
    "num_train_epochs": "EPOCHS",
    "per_device_train_batch_size": "batch",
    "gradient_accumulation_steps": "steps",
    "learning_rate": "given.learning_rate",
    "use_cpu": "not torch.accelerator.is_available()",
    "bf16": "torch.cuda.is_available() and torch.cuda.is_bf16_supported()",
    "report_to": "'none'",
}


@pytest.mark.parametrize("chats", [False, True], ids=["exchanges", "chats"])
@pytest.mark.parametrize("trainer", SCRIPTS)
def test_the_settings_of_the_scripts(
    ordered: Path, ordered_chats: Path, tmp_path: Path, trainer: str, chats: bool
) -> None:
    """As arguments of the trainer's own configuration; nothing is bound to the folder."""
    work = ordered_chats if chats else ordered
    text = config_of(run(work, tmp_path / "x", trainer, global_batch=5, tail="cut"))
    assert constants(text) == {
        "ROWS": 20,
        "GLOBAL_BATCH": 5,
        "EPOCHS": 1,
        "SHARDS": str(work / "shards" / "nft"),
        "ON_ERROR": "stop",
        **({} if chats else {"SEPARATOR": " "}),
    }
    assert str(tmp_path / "x") not in text
    if trainer == "transformers":
        assert arguments(text, "TrainingArguments") == COMMON
        return
    loss = {} if chats else {"completion_only_loss": "True"}
    assert arguments(text, "SFTConfig") == COMMON | loss | {
        "packing": "False",
        "shuffle_dataset": "False",
        "max_length": "None",
    }


@pytest.mark.parametrize(
    ("trainer", "then"),
    [("axolotl", "axolotl train axolotl.yaml"), ("llamafactory", "llamafactory-cli train llama")],
)
def test_what_to_run_stands_on_a_line_of_its_own(
    ordered: Path, tmp_path: Path, trainer: str, then: str
) -> None:
    """Behind the sentence on the global batch, which ends."""
    lines = config_of(run(ordered, tmp_path / "x", trainer, global_batch=23)).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith(f"# Then: {then}"))
    assert lines[place - 1].endswith("23.")
    assert "learning_rate. " in " ".join(line.strip("# ") for line in lines[:place])


@pytest.mark.parametrize("trainer", [*SCRIPTS, *CONFIGS, "jsonl"])
def test_a_name_that_is_code_stays_a_name(ordered: Path, tmp_path: Path, trainer: str) -> None:
    """An order whose folder somebody renamed: it is told as text, and the rest is the same."""
    work = tmp_path / ODD
    shutil.copytree(ordered, work)
    name = '"""; raise SystemExit(1) # {a: b}, x'
    (work / "shards" / "nft").rename(work / "shards" / name)
    result = run(work, None, trainer)
    if trainer in SCRIPTS:
        assert constants(config_of(result))["SHARDS"] == str(work / "shards" / name)
        body = [type(node).__name__ for node in ast.parse(config_of(result)).body]
        plain = ast.parse(config_of(run(ordered, tmp_path / "plain", trainer))).body
        assert body == [type(node).__name__ for node in plain]
    elif trainer in CONFIGS:
        plain_text = config_of(run(ordered, tmp_path / "plain", trainer))
        assert parsed(config_of(result)).keys() == parsed(plain_text).keys()
    if trainer == "llamafactory":
        dataset = parsed(config_of(result))["dataset"]
        assert "," not in dataset
        assert [dataset] == list(
            json.loads((Path(result.folder) / "dataset_info.json").read_text())
        )


def test_the_documentation_names_every_trainer_and_version() -> None:
    """What the configurations say they were read at is what the page says."""
    page = (Path(__file__).parents[2] / "docs" / "trainers.md").read_text(encoding="utf-8")
    for trainer in TRAINERS.values():
        assert f"`{trainer.name}`" in page
        for version in re.findall(r"\d+\.\d+\.\d+", trainer.read_at):
            assert version in page
        for setting in ("packing", "--tail", "--on-bad-row"):
            assert setting in page


def test_characters_that_no_configuration_holds_are_refused(ordered: Path, tmp_path: Path) -> None:
    """A line break in a folder's name."""
    with pytest.raises(OptionError, match="has characters that configurations cannot hold"):
        run(ordered, tmp_path / "a\nb", "trl")
