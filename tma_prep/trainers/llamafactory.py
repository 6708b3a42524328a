"""LLaMA-Factory: `dataset_info.json` and a YAML configuration, to which model and output are added.

Read in llamafactory 0.9.5: `split_dataset` in data/data_utils.py, `_load_single_dataset` in
data/loader.py, both converters in data/converter.py, `_get_train_sampler` in train/sft/trainer.py,
`greedy_knapsack` in data/processor/processor_utils.py.
"""

import json
import re
from collections.abc import Mapping, Sequence

from tma_prep.trainers.text import batch_note, notes, yaml_text
from tma_prep.trainers.trainer import CONVERSATION_COLUMN, Handoff, Trainer

CONFIG, DATASETS = "llamafactory.yaml", "dataset_info.json"

_USERS, _MODELS = ("user", "observation"), ("assistant", "function")

_TRAPS = (
    "disable_shuffling is not looked at with streaming: true (a shuffle buffer) or with val_size "
    "above 0 (train_test_split shuffles before it splits).",
    "packing and neat_packing sort rows by length within every thousand.",
    "A folder of several data files is read as the file system lists it, in no order: keep the "
    "rows in one file.",
    "max_samples and num_samples take some rows only, and num_samples takes them at random.",
    "mix_strategy: interleave_* mixes the rows of several datasets: name this one alone.",
    "A conversation in which user and assistant do not take turns is skipped with a line in the "
    "log.",
    "No column but the tokens reaches the trainer, so that tma_prep.order_check cannot watch it.",
)


def _name(handoff: Handoff) -> str:
    # A comma would make two of it.
    return re.sub(r"[^A-Za-z0-9._-]", "_", f"tma_{handoff.order}")


def dataset_info(handoff: Handoff) -> dict[str, object]:
    """What `dataset_info.json` says of the rows."""
    if handoff.conversations:
        form: dict[str, object] = {
            "formatting": "sharegpt",
            "columns": {"messages": CONVERSATION_COLUMN},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "observation_tag": "observation",
                "function_tag": "function",
                "system_tag": "system",
            },
        }
    else:
        form = {
            "formatting": "alpaca",
            "columns": {"prompt": LLAMAFACTORY.prompt, "response": LLAMAFACTORY.response},
        }
    return {_name(handoff): {"file_name": handoff.data, **form}}


def settings(handoff: Handoff) -> dict[str, object]:
    """What keeps the order, and where the rows are."""
    return {
        "stage": "sft",
        "do_train": True,
        "dataset_dir": str(handoff.folder),
        "dataset": _name(handoff),
        "disable_shuffling": True,
        "streaming": False,
        "packing": False,
        "val_size": 0.0,
        "num_train_epochs": float(handoff.epochs),
    }


def _texts(handoff: Handoff) -> Mapping[str, str]:
    about = (
        f"Settings that keep the order {handoff.order} ({handoff.rows} rows) in LLaMA-Factory, "
        f"read at {LLAMAFACTORY.read_at}. Yours to add: model_name_or_path, template, output_dir, "
        "finetuning_type, cutoff_len, per_device_train_batch_size, gradient_accumulation_steps, "
        "learning_rate."
    )
    about += batch_note(
        handoff.global_batch, "per_device_train_batch_size", "gradient_accumulation_steps"
    )
    about += f"\nThen: llamafactory-cli train {CONFIG}"
    return {
        DATASETS: json.dumps(dataset_info(handoff), indent=2) + "\n",
        CONFIG: notes(about, handoff.warnings, _TRAPS) + yaml_text(settings(handoff)),
    }


def _roles_problem(roles: Sequence[str]) -> str | None:
    """`SharegptDatasetConverter`: one system message at most, then turn by turn."""
    turns = roles[1:] if roles and roles[0] == "system" else roles
    for place, role in enumerate(turns):
        if role not in (_USERS, _MODELS)[place % 2]:
            return f"has {role} where {(_USERS, _MODELS)[place % 2][0]} must speak"
    return "ends without an answer" if len(turns) % 2 else None


LLAMAFACTORY = Trainer(
    name="llamafactory",
    title="LLaMA-Factory",
    read_at="llamafactory 0.9.5",
    prompt="instruction",
    response="output",
    texts=_texts,
    start=CONFIG,
    tail=(
        "LLaMA-Factory trains on transformers' Trainer: with several processes the last batch is "
        "filled up with the first rows again, so that they are trained twice."
    ),
    traps=_TRAPS,
    packing="packing sorts rows by length within every thousand, and no setting keeps the order",
    roles_problem=_roles_problem,
)
