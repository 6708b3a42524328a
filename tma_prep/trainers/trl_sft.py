"""TRL's SFTTrainer: a script, and rows of `prompt` and `completion` or of `messages`.

Read and run in trl 1.16.0: `_prepare_dataset` in trainer/sft_trainer.py, `pack_dataset` in
data_utils.py.
"""

from collections.abc import Mapping

from tma_prep.trainers.scripts import SCRIPT, script
from tma_prep.trainers.trainer import Handoff, Trainer

_TRAPS = (
    'packing=True sorts rows by length within every thousand ("bfd", "bfd_split"); '
    'packing_strategy="wrapped" keeps the order, cuts rows in the middle and lets no position '
    "through to the check.",
    "With a number for max_length, rows whose prompt alone fills it are dropped; None keeps all.",
    "shuffle_dataset=False is the default and does not keep the order: the sampler does, "
    "train_sampling_strategy.",
    "A streamed dataset with several dataloader workers interleaves its files.",
)

_TEMPLATE = (
    "The tokenizer's chat template must mark the answers with {% generation %} … "
    "{% endgeneration %}, for assistant_only_loss; TRL has such templates for some models, and "
    "stops at others."
)

_IMPORTS = """\
import torch
from datasets import load_dataset
from tma_prep.errors import TmaPrepError
from tma_prep.order_check import attach
from trl import SFTConfig, SFTTrainer
"""

_JOIN = '''\
def with_separator(row: dict[str, str]) -> dict[str, str]:
    """TRL puts the completion right behind the prompt."""
    joined = row["prompt"][-1:].isspace() or row["completion"][:1].isspace()
    return {"completion": ("" if joined else SEPARATOR) + row["completion"]}


'''

_MAIN = """\
def main() -> None:
    given = command_line()
    batch, steps = batch_sizes(given.batch)
    rows = load_dataset("parquet", data_files=str(DATA), split="train")
@PREPARE@    trainer = SFTTrainer(
        model=given.model,
        train_dataset=rows,
        args=SFTConfig(
            output_dir=str(given.output),
            # What keeps the order:
            train_sampling_strategy="sequential",
            packing=False,
            shuffle_dataset=False,
            max_length=None,  # a number drops rows whose prompt alone fills it
            num_train_epochs=EPOCHS,
            # What the loss counts:
            @LOSS@
@ENDING@"""


def _texts(handoff: Handoff) -> Mapping[str, str]:
    constants: dict[str, object] = {}
    join, prepare, loss = "", "", "assistant_only_loss=True,"
    if not handoff.conversations:
        constants["SEPARATOR"] = " "
        join, loss = _JOIN, "completion_only_loss=True,"
        prepare = "    rows = rows.map(with_separator)\n"
    return {
        SCRIPT: script(
            handoff,
            title=TRL.title,
            read_at=TRL.read_at,
            traps=(*_TRAPS, _TEMPLATE) if handoff.conversations else _TRAPS,
            imports=_IMPORTS,
            options="",
            constants=constants,
            body=join + _MAIN.replace("@PREPARE@", prepare).replace("@LOSS@", loss),
        )
    }


TRL = Trainer(
    name="trl",
    title="TRL's SFTTrainer",
    read_at="trl 1.16.0 with transformers 5.23.0",
    prompt="prompt",
    response="completion",
    texts=_texts,
    start=SCRIPT,
    tail=(
        "On one process the last step is a shorter one; on several, accelerate fills the last "
        "batch up with the first rows again, which the script refuses."
    ),
    traps=_TRAPS,
    packing=(
        'packing=True sorts rows by length within every thousand; only packing_strategy="wrapped" '
        "keeps the order, and it cuts rows in the middle and lets no position through to the check"
    ),
    checks_order=True,
)
