"""TRL's SFTTrainer: a script, and rows of `prompt` and `completion` or of `messages`.

Read and run in trl 1.16.0: `_prepare_dataset` in trainer/sft_trainer.py, `pack_dataset` in
data_utils.py.
"""

from tma_prep.trainers.trainer import Trainer
from tma_prep.trainers.transformers_trainer import TRANSFORMERS

_TRAPS = (
    'packing=True sorts rows by length within every thousand ("bfd", "bfd_split"); '
    'packing_strategy="wrapped" keeps the order, cuts rows in the middle and lets no position '
    "through to the check.",
    "With a number for max_length, rows whose prompt alone fills it are dropped; None keeps all.",
    "shuffle_dataset=False is the default and does not keep the order: the sampler does, "
    "train_sampling_strategy.",
    "A streamed dataset with several dataloader workers interleaves its files.",
)

TRL = Trainer(
    name="trl",
    title="TRL's SFTTrainer",
    read_at="trl 1.16.0 with transformers 5.23.0",
    prompt="prompt",
    response="completion",
    templates={"train.py": "trl.py.jinja"},
    tail=TRANSFORMERS.tail,
    traps=_TRAPS,
    packing=(
        'packing=True sorts rows by length within every thousand; only packing_strategy="wrapped" '
        "keeps the order, and it cuts rows in the middle and lets no position through to the check"
    ),
    checks_order=True,
)
