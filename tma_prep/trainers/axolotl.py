"""Axolotl: a YAML configuration, to which model and output are added.

Read in axolotl 0.19.0: `merge_datasets` in utils/data/shared.py, `_get_train_sampler` in
core/trainers/base.py, `allocate_sequentially` in utils/samplers/multipack.py,
`handle_long_seq_in_dataset` in utils/data/utils.py, `tokenize_prompt` in
prompt_strategies/alpaca_w_system.py.
"""

from collections.abc import Mapping

from tma_prep.trainers.text import batch_note, notes, yaml_text
from tma_prep.trainers.trainer import CONVERSATION_COLUMN, Handoff, Trainer

CONFIG = "axolotl.yaml"

_TRAPS = (
    "curriculum_sampling alone decides the sampler, and shuffle_merged_datasets (true by default) "
    "shuffles before it as soon as there is a second dataset: keep both settings.",
    "Sample packing sorts by length unless sample_packing_sequentially is true; streaming and "
    "pretraining datasets shuffle in a buffer.",
    "By default rows longer than sequence_len are dropped without a trace in the training; "
    "excess_length_strategy: raise stops instead.",
    "Prepared data are found again by path and options, not by content: dataset_prepared_path has "
    "the hash of the rows in it, so that other rows are never taken for these.",
    "With val_set_size above 0 the last rows of the order are held out (the split itself does not "
    "shuffle).",
    "No column but the tokens reaches the trainer, so that tma_prep.order_check cannot watch it.",
)


def _dataset(handoff: Handoff) -> dict[str, object]:
    dataset: dict[str, object] = {
        "path": handoff.data_path,
        "ds_type": "parquet",
        "split": "train",
    }
    if handoff.conversations:
        return dataset | {
            "type": "chat_template",
            "field_messages": CONVERSATION_COLUMN,
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
        }
    # No words around them. The space between them stands in the data, as the two are tokenised
    # apart, and a space belongs to the word behind it.
    return dataset | {
        "type": {
            "field_instruction": AXOLOTL.prompt,
            "field_output": AXOLOTL.response,
            "format": "{instruction}",
            "no_input_format": "{instruction}",
        }
    }


def settings(handoff: Handoff) -> dict[str, object]:
    """What keeps the order, and where the rows are."""
    chosen: dict[str, object] = {"datasets": [_dataset(handoff)]}
    if handoff.conversations:
        chosen["chat_template"] = "tokenizer_default"
    chosen |= {
        "curriculum_sampling": True,
        "shuffle_merged_datasets": False,
        "sample_packing": handoff.packing,
    }
    if handoff.packing:
        chosen["sample_packing_sequentially"] = True
    return chosen | {
        "excess_length_strategy": "raise",
        "dataset_prepared_path": f"last_run_prepared/{handoff.data_sha256[:16]}",
        "val_set_size": 0,
        "train_on_inputs": False,
        "num_epochs": handoff.epochs,
    }


def _texts(handoff: Handoff) -> Mapping[str, str]:
    about = (
        f"Settings that keep the order {handoff.order} ({handoff.rows} rows) in Axolotl, read at "
        f"{AXOLOTL.read_at}. Yours to add: base_model, sequence_len, output_dir, micro_batch_size, "
        "gradient_accumulation_steps, learning_rate."
    )
    about += batch_note(handoff.global_batch, "micro_batch_size", "gradient_accumulation_steps")
    about += f"\nThen: axolotl train {CONFIG}"
    return {CONFIG: notes(about, handoff.warnings, _TRAPS) + yaml_text(settings(handoff))}


AXOLOTL = Trainer(
    name="axolotl",
    title="Axolotl",
    read_at="axolotl 0.19.0",
    prompt="instruction",
    response="output",
    space_in_response=True,
    texts=_texts,
    start=CONFIG,
    tail=(
        "Axolotl trains on transformers' Trainer: with several processes the last batch is filled "
        "up with the first rows again, so that they are trained twice; with packing the last "
        "incomplete batch is dropped."
    ),
    traps=_TRAPS,
    packing=(
        "Packing in sequence (sample_packing_sequentially) keeps the order; the bins of a batch "
        "hold different numbers of rows, so that a step is no fixed number of rows."
    ),
    packs_in_order=True,
)
