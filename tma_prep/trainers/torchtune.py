"""torchtune: a fragment of a recipe's YAML configuration.

Read in torchtune 0.6.1: `_setup_data` in recipes/full_finetune_single_device.py and
recipes/full_finetune_distributed.py, `PackedDataset` in datasets/_packed.py, `validate_messages`
in data/_messages.py.
"""

from collections.abc import Sequence

from tma_prep.rows import BadRow, Sample
from tma_prep.trainers.messages import Turn
from tma_prep.trainers.trainer import Trainer
from tma_prep_schemas import Traits

_TRAPS = (
    "The example configurations say shuffle: True.",
    "The recipes drop the last incomplete batch (drop_last=True), and steps that fill no whole "
    "gradient accumulation.",
    "With several processes the sampler repeats the first rows until every process has as many.",
    "A list of datasets is concatenated: name this one alone.",
    "No column but the tokens reaches the recipe, so that tma_prep.order_check cannot watch it.",
)


def _turns(sample: Sample, traits: Traits) -> list[Turn]:
    """As `OpenAIToMessages` reads them: role and text, every answer trained."""
    messages = sample.messages
    if sample.tools or any(one.tool_calls or one.role == "tool" for one in messages):
        raise BadRow("has tools or calls of them, for which torchtune's chat_dataset has no place")
    if any(one.role == "assistant" and not one.trained for one in messages):
        raise BadRow("has an answer that is not to be trained, and torchtune trains every answer")
    problem = _roles_problem([one.role for one in messages])
    if problem is not None:
        raise BadRow(f"{problem}, so that torchtune would not train on it")
    return [{"role": one.role, "content": one.content} for one in messages]


def _roles_problem(roles: Sequence[str]) -> str | None:
    """`validate_messages`, which stops the training, and the roles of `Message`."""
    before = "assistant"
    for place, role in enumerate(roles):
        if role not in ("system", "user", "assistant", "ipython"):
            return f"has the role {role}, which torchtune does not know"
        if role == "assistant" and before != "user":
            return "has an answer that no message of a user comes right before"
        if role == "user" and before == "user":
            return "has two messages of a user in a row"
        if role == "system" and place:
            return "has a system message that is not the first"
        before = role
    return None


TORCHTUNE = Trainer(
    name="torchtune",
    title="torchtune",
    read_at="torchtune 0.6.1",
    prompt="input",
    response="output",
    templates={"torchtune.yaml": "torchtune.yaml.jinja"},
    tail=(
        "torchtune drops the last incomplete batch, and with several processes its sampler may "
        "repeat the first rows at the end."
    ),
    traps=_TRAPS,
    packing=(
        "Packing keeps the order (packed: True; the tokenizer needs max_seq_len); packs hold "
        "different numbers of rows, so that a step is no fixed number of rows."
    ),
    packs_in_order=True,
    turns=_turns,
    says_all=False,
)
