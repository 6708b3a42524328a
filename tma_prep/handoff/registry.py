"""Every trainer that rows can be exported for, by the name that `--for` takes."""

from tma_prep.handoff.axolotl import AXOLOTL
from tma_prep.handoff.jsonl import JSONL
from tma_prep.handoff.llamafactory import LLAMAFACTORY
from tma_prep.handoff.torchtune import TORCHTUNE
from tma_prep.handoff.transformers_trainer import TRANSFORMERS
from tma_prep.handoff.trl_sft import TRL

TRAINERS = {
    trainer.name: trainer
    for trainer in (TRANSFORMERS, TRL, AXOLOTL, LLAMAFACTORY, TORCHTUNE, JSONL)
}
