"""transformers' Trainer: a script that encodes rows itself, the loss on responses alone.

Read and run in transformers 5.23.0: `_get_train_sampler` in trainer.py; `BatchSamplerShard` in
accelerate 1.15.0.
"""

from tma_prep.trainers.trainer import Trainer

_TRAPS = (
    'train_sampling_strategy is "random" by default, and does not exist before transformers 5.2; '
    '"group_by_length" and "batch_rebalance" sort.',
    "On several processes the last batch is filled up with the first rows again (even_batches) "
    "unless dataloader_drop_last drops it.",
    "A streamed dataset with several dataloader workers interleaves its files.",
)

TRANSFORMERS = Trainer(
    name="transformers",
    title="transformers' Trainer",
    read_at="transformers 5.23.0 with accelerate 1.15.0",
    prompt="prompt",
    response="completion",
    templates={"train.py": "transformers.py.jinja"},
    tail=(
        "On one process the last step is a shorter one; on several, accelerate fills the last "
        "batch up with the first rows again, which the script refuses."
    ),
    traps=_TRAPS,
    packing=(
        "transformers' Trainer has no packing of its own; tma_prep.shards.packing packs in order, "
        "for a training loop of one's own"
    ),
    checks_order=True,
)
