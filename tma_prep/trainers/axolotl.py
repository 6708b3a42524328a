"""Axolotl: a YAML configuration, to which model and output are added.

Read in axolotl 0.19.0: `merge_datasets` in utils/data/shared.py, `_get_train_sampler` in
core/trainers/base.py, `allocate_sequentially` in utils/samplers/multipack.py,
`handle_long_seq_in_dataset` in utils/data/utils.py, `tokenize_prompt` in
prompt_strategies/alpaca_w_system.py, chat_template.py and completion.py. Nulls inside of objects
are dropped (`remove_none_values`), but not in JSON text.
"""

from tma_prep.trainers.trainer import Trainer

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


AXOLOTL = Trainer(
    name="axolotl",
    title="Axolotl",
    read_at="axolotl 0.19.0",
    prompt="instruction",
    response="output",
    space_in_response=True,
    templates={"axolotl.yaml": "axolotl.yaml.jinja"},
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
    json_as_text=True,
)
