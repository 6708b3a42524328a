"""Every trainer that rows can be exported for, by the name that `--for` takes."""

from tma_prep.trainers.axolotl import AXOLOTL
from tma_prep.trainers.jsonl import JSONL
from tma_prep.trainers.llamafactory import LLAMAFACTORY
from tma_prep.trainers.torchtune import TORCHTUNE
from tma_prep.trainers.transformers_trainer import TRANSFORMERS
from tma_prep.trainers.trl_sft import TRL

TRAINERS = {
    trainer.name: trainer
    for trainer in (TRANSFORMERS, TRL, AXOLOTL, LLAMAFACTORY, TORCHTUNE, JSONL)
}
