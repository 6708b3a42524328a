"""transformers' Trainer: a script that encodes rows itself, the loss on responses alone.

Read and run in transformers 5.23.0: `_get_train_sampler` in trainer.py; `BatchSamplerShard` in
accelerate 1.15.0.
"""

from collections.abc import Mapping

from tma_prep.trainers.scripts import SCRIPT, script
from tma_prep.trainers.trainer import Handoff, Trainer

_TRAPS = (
    'train_sampling_strategy is "random" by default, and does not exist before transformers 5.2; '
    '"group_by_length" and "batch_rebalance" sort.',
    "On several processes the last batch is filled up with the first rows again (even_batches) "
    "unless dataloader_drop_last drops it.",
    "A streamed dataset with several dataloader workers interleaves its files.",
)

_IMPORTS = """\
import torch
from datasets import load_dataset
from tma_prep.errors import TmaPrepError
from tma_prep.order_check import attach
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)
"""

_OPTIONS = 'parser.add_argument("--max-length", type=int, default=2048, help="tokens of a row")\n'

_EXCHANGE = '''\
def encode(row: dict, tokenizer: PreTrainedTokenizerBase, max_length: int) -> dict[str, list[int]]:
    """Prompt, completion, end of sequence; the loss counts all but the prompt.

    A row that is too long loses the beginning of its prompt, then the end of its completion.
    """
    joined = row["prompt"][-1:].isspace() or row["completion"][:1].isspace()
    text = ("" if joined else SEPARATOR) + row["completion"]
    prompt = tokenizer(row["prompt"], add_special_tokens=False)["input_ids"]
    answer = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    first = [tokenizer.bos_token_id]
    opening = first if tokenizer("a")["input_ids"][:1] == first else []
    answer = answer[: max_length - len(opening) - 1]
    prompt = opening + prompt[-(max_length - len(opening) - len(answer)) :]
    return {"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer}


'''

_CONVERSATION = '''\
def encode(row: dict, tokenizer: PreTrainedTokenizerBase, max_length: int) -> dict[str, list[int]]:
    """The conversation by the tokenizer's chat template; the loss counts what the model says.

    A row that is too long loses its beginning.
    """

    def shown(messages: list, **options: bool) -> str:
        if not messages:
            return ""
        return tokenizer.apply_chat_template(messages, tokenize=False, **options)

    messages = row["messages"]
    text = shown(messages)
    answers = []
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            before = shown(messages[:place], add_generation_prompt=True)
            until = shown(messages[: place + 1])
            if not text.startswith(before) or not text.startswith(until):
                sys.exit(
                    f"tma_position {row['tma_position']}: the chat template shows earlier messages "
                    "differently once others follow, so that answers cannot be told apart; give "
                    "the tokenizer a chat_template that shows a message the same whatever follows"
                )
            # Not the line break that most templates put behind the end of a turn.
            answers.append(range(len(before), len(until.rstrip())))
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    labels = [
        # A token counts that only ends in an answer: many begin with the space before a word.
        token if any(max(start, one.start) < min(end, one.stop) for one in answers) else -100
        for token, (start, end) in zip(tokens["input_ids"], tokens["offset_mapping"], strict=True)
    ]
    if len(labels) > max_length and all(label == -100 for label in labels[-max_length:]):
        sys.exit(
            f"tma_position {row['tma_position']}: no answer among the last {max_length} of "
            f"{len(labels)} tokens, so that there is no loss; give a greater --max-length"
        )
    return {"input_ids": tokens["input_ids"][-max_length:], "labels": labels[-max_length:]}


'''

_MAIN = """\
def main() -> None:
    given = command_line()
    batch, steps = batch_sizes(given.batch)
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = load_dataset("parquet", data_files=str(DATA), split="train")
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(given.model),
        processing_class=tokenizer,
        data_collator=DataCollatorForSeq2Seq(tokenizer),
        train_dataset=rows.map(
            encode,
            fn_kwargs={"tokenizer": tokenizer, "max_length": given.max_length},
            remove_columns=[name for name in rows.column_names if name != "tma_position"],
        ),
        args=TrainingArguments(
            output_dir=str(given.output),
            # What keeps the order:
            train_sampling_strategy="sequential",
            num_train_epochs=EPOCHS,
@ENDING@"""


def _texts(handoff: Handoff) -> Mapping[str, str]:
    return {
        SCRIPT: script(
            handoff,
            title=TRANSFORMERS.title,
            read_at=TRANSFORMERS.read_at,
            traps=_TRAPS,
            imports=_IMPORTS,
            options=_OPTIONS,
            constants={} if handoff.conversations else {"SEPARATOR": " "},
            body=(_CONVERSATION if handoff.conversations else _EXCHANGE) + _MAIN,
        )
    }


TRANSFORMERS = Trainer(
    name="transformers",
    title="transformers' Trainer",
    read_at="transformers 5.23.0 with accelerate 1.15.0",
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
        "transformers' Trainer has no packing of its own; tma_prep.shards.packing packs in order, "
        "for a training loop of one's own"
    ),
    checks_order=True,
)
