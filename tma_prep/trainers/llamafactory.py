"""LLaMA-Factory: `dataset_info.json` and a YAML configuration, to which model and output are added.

Read in llamafactory 0.9.5: `split_dataset` in data/data_utils.py, `_load_single_dataset` in
data/loader.py, the converters in data/converter.py, `FunctionFormatter` and `ToolFormatter` in
data/formatter.py, `SupervisedDatasetProcessor`, `PretrainDatasetProcessor` and `greedy_knapsack` in
data/processor, `_get_train_sampler` in train/sft/trainer.py and train/pt/trainer.py. It requires
datasets up to 4.0, which has no `arrow.json`.
"""

import json
from collections.abc import Sequence

from tma_prep.rows import BadRow, Message, Sample
from tma_prep.trainers.messages import Turn
from tma_prep.trainers.trainer import Trainer
from tma_prep_schemas import Traits

_USERS, _MODELS = ("user", "observation"), ("assistant", "function_call")
_NEXT_RESULT = "\n</tool_response>\n<tool_response>\n"
"""Between results of calls in one message, as `OpenAIDatasetConverter` joins them."""

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


def _turns(sample: Sample, traits: Traits) -> list[Turn]:
    """As `SharegptDatasetConverter` takes them: one system message at most, then turn by turn."""
    turns: list[Turn] = []
    for message in sample.messages:
        role = "observation" if message.role == "tool" else message.role
        if role == "observation" and turns and turns[-1]["role"] == role:
            turns[-1]["content"] = f"{turns[-1]['content']}{_NEXT_RESULT}{message.content}"
        else:
            role = "function_call" if message.tool_calls else role
            turns.append({"role": role, "content": _content(message)})
    problem = _roles_problem([str(turn["role"]) for turn in turns])
    if problem is not None:
        raise BadRow(f"{problem}, so that LLaMA-Factory would not train on it")
    trained = [message.trained for message in sample.messages if message.role == "assistant"]
    # mask_history leaves out all answers but the last.
    if trained != [not traits.masked] * (len(trained) - 1) + [True]:
        raise BadRow(
            "has other answers to be trained than the last alone, and where some row has a masked "
            "answer LLaMA-Factory can train no others (mask_history)"
        )
    return turns


def _content(message: Message) -> str:
    """Calls as `FunctionFormatter` reads them, after the text that stands beside them."""
    if not message.tool_calls:
        return message.content
    calls = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    text = json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
    return f"{message.content}<tool_call>{text}</tool_call>" if message.content else text


def _roles_problem(roles: Sequence[str]) -> str | None:
    turns = roles[1:] if roles[0] == "system" else roles
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
    turns=_turns,
    says_all=False,
    json_as_text=True,
    no_tools="",  # of nulls alone its `map` makes a column that takes no text afterwards
)
