"""LLaMA-Factory: `dataset_info.json` and a YAML configuration, to which model and output are added.

Read in llamafactory 0.9.5: `split_dataset` in data/data_utils.py, `_load_single_dataset` in
data/loader.py, both converters in data/converter.py, `_get_train_sampler` in train/sft/trainer.py,
`greedy_knapsack` in data/processor/processor_utils.py.
"""

from collections.abc import Sequence

from tma_prep.trainers.trainer import Trainer

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
    templates={
        "dataset_info.json": "dataset_info.json.jinja",
        "llamafactory.yaml": "llamafactory.yaml.jinja",
    },
    tail=(
        "LLaMA-Factory trains on transformers' Trainer: with several processes the last batch is "
        "filled up with the first rows again, so that they are trained twice."
    ),
    traps=_TRAPS,
    packing="packing sorts rows by length within every thousand, and no setting keeps the order",
    roles_problem=_roles_problem,
)
