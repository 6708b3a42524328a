"""The options of every command: each is declared here, once.

The command line, `tma.toml`, what manifests record and `docs/cli.md` follow from these models.
"""

from pathlib import Path
from typing import Literal

from tma_prep.device import Dtype
from tma_prep.option_types import (
    Control,
    Controls,
    Device,
    Devices,
    Folder,
    Granularity,
    Name,
    Options,
    OptionsWithMemory,
    PerTask,
    SearchDevice,
    option,
)

LeakageMode = Literal["warn", "exclude", "fail", "off"]
LeakNgrams = Literal["half", "any"]
Pooling = Literal["mean", "weighted-mean", "cls", "last"]

_INPUT, _TEXT, _HARDWARE, _STORE = "Input", "Text and model", "Hardware", "Embeddings"
_RANK, _SELECT, _SEQUENCE = "Ranking: how near is a row?", "Selection: which rows stay?", "Order"
_LEAK, _OUTPUT = "Leakage: training rows that hold a test row", "Output"
_COMPARED, _TRAINING = "What is compared", "Training"
_OVERWRITE = "Replace what was made with other options."
_TRUST = "Run code that comes with the model, and unpickle weights; else safetensors only."
_LEAK_NGRAMS = (
    "half: a row leaks if it holds half of a test's word 8-grams; any: one of them. 8-grams found "
    "in over 1 % of the rows do not count."
)


class EmbedOptions(OptionsWithMemory):
    """Options of `tma-prep embed`."""

    train: list[str] = option(..., min_length=1)
    """Training files, folders or globs; repeatable."""
    test: list[str] = option(..., min_length=1)
    """Test (target) files, folders or globs; repeatable."""
    out: Folder = option(...)
    """Workspace folder to create."""
    format: str | None = option(None, _INPUT, metavar="LAYOUT")
    """Layout of the training rows, by name: messages, alpaca, qa and so on (docs/layouts.md). By
    default recognised by the columns and their types."""
    test_format: str | None = option(None, _INPUT, metavar="LAYOUT")
    """The same of the test rows."""
    columns: str | None = option(None, _INPUT, metavar="ROLES")
    """Columns of the training rows by role, as in prompt=question,response=answer. Roles: prompt,
    response, system, context, history, messages, tools, task, id."""
    test_columns: str | None = option(None, _INPUT, metavar="ROLES")
    """The same of the test rows."""
    ni_examples: int = option(0, _INPUT, metavar="N", ge=0)
    """Positive examples of a Natural Instructions task file that stand in its prompts."""
    task_column: str | None = option(None, _INPUT, metavar="COLUMN")
    """Column that names the task. By default task, task_name or source, or that of the layout."""
    vectors_column: str | None = option(None, _INPUT, metavar="COLUMN")
    """Read embeddings from this column instead of computing them."""
    on_bad_row: Literal["fail", "skip"] = option("fail", _INPUT)
    """fail: stop at the first bad row; skip: leave it out and list it."""
    text: Literal["both", "prompt", "response"] = option("both", _TEXT, metavar="PART")
    """What is embedded: prompt, response, or both joined by one space."""
    exchange: Literal["first", "last", "all"] = option("first", _TEXT)
    """What of a conversation is embedded: first or last question and answer, or all messages but
    system text."""
    test_exchange: Literal["first", "last", "all"] | None = option(None, _TEXT)
    """The same of the test rows, where it differs: first, last (for few-shot prompts) or all."""
    model: str = option("all-MiniLM-L6-v2", _TEXT)
    """sentence-transformers model: hub name or folder."""
    trust_remote_code: bool = option(False, _TEXT, text=_TRUST)
    max_length: int | None = option(None, _TEXT, ge=8)
    """Maximum number of tokens; the model's own by default."""
    prefix: str = option("", _TEXT)
    """Instruction put before every text, instead of a prompt saved with the model."""
    prompt_name: str | None = option(None, _TEXT, metavar="NAME")
    """Name of a prompt saved with the model, such as query; the model's default prompt by
    default."""
    pooling: Pooling | None = option(None, _TEXT, metavar="MODE")
    """How token embeddings become one vector, for a model that was not saved to embed texts: mean,
    weighted-mean (by position, as in RDS+), cls (first token) or last (token). By default
    weighted-mean for a causal language model, mean for any other."""
    layer: int | None = option(None, _TEXT)
    """Layer of such a model whose hidden states are pooled: 0 is the input of the first layer, -1
    the last layer (default)."""
    chat_template: bool = option(False, _TEXT)
    """Apply the model's chat template: the prompt is the user's message, the response the
    assistant's."""
    truncate: Literal["text", "prompt"] = option("text", _TEXT, metavar="PART")
    """What is cut from a text that is too long: its end (text), or the end of its prompt, so that
    the response is read (prompt)."""
    device: Devices = option("auto", _HARDWARE)
    """auto, cpu, mps, cuda or cuda:1. One process per device: all, numbers of CUDA devices as in
    0,1,3, or cpu:2."""
    engine: Literal["local", "ray"] = option("local", _HARDWARE)
    """local: this machine; ray: the Ray cluster that RAY_ADDRESS names (host:port or auto), or one
    started here."""
    dtype: Dtype = option("auto", _HARDWARE, metavar="DTYPE")
    """Arithmetic of the model: float32, bfloat16, float16, or auto, which is bfloat16 where the
    hardware is fast at it, else float32. Stored embeddings are float32."""
    batch_tokens: int | None = option(None, _HARDWARE, ge=1)
    """Tokens per batch; what suits the device by default."""
    rows_per_part: int = option(2048, _STORE, ge=1)
    """Rows per file of embeddings. An interrupted run keeps the files that were finished, and never
    fewer than 2,048 rows together; on a GPU 16,384."""
    update: bool = option(False, _STORE)
    """The input grew or shrank: embed only the texts that are new."""
    overwrite: bool = option(False, _STORE, text=_OVERWRITE)


class ArrangeOptions(OptionsWithMemory):
    """Options of `tma-prep arrange`."""

    work: Folder = option(..., argument=True)
    """Workspace that embed made."""
    ranking: str = option("tma", _RANK, of="ranking")
    """tma (rounds), wsd, min, avg, max, centroid (distances), or ot (optimal transport)."""
    granularity: Granularity = option("instance", _RANK, of="ranking")
    """What is ranked: instance, task, or kmeans:K."""
    tests_per_task: int | None = option(None, _RANK, of="ranking", ge=1)
    """Use at most N test rows of each task, drawn by --seed."""
    target_fraction: float | None = option(None, _RANK, of="ranking", gt=0, lt=1)
    """Arrange for this share of the test rows (such as 0.5), drawn by --seed, and hold the others
    out for train-check --eval unseen."""
    by_task: bool = option(False, _RANK, of="ranking")
    """Draw whole tasks for --target-fraction."""
    select: str = option("nearest", _SELECT, of="order")
    """nearest, farthest (farthest-pick rounds under tma), both-ends or random."""
    budget: str | None = option(None, _SELECT, of="order")
    """Rows (30000, 30k) or tokens (2Mtok) to keep; all by default."""
    rounds: str | None = option(None, _SELECT, of="order", metavar="A:B")
    """Keep a window of rounds, as a Python slice: 2:5 is rounds 3, 4 and 5."""
    per_task: PerTask | None = option(None, _SELECT, of="order", metavar="N:RULE")
    """Keep N rows of every task instead, by a rule: nearest (default), random, polar (both ends) or
    uniform. Example: 100:polar."""
    orders: list[str] = option(["nft"], _SEQUENCE, flag="order", min_length=1)
    """nft (nearest first), fft (farthest first), rt (shuffled), round-robin or cluster (by task);
    repeatable."""
    within_round: Literal["similarity", "index", "shuffle"] = option(
        "similarity", _SEQUENCE, of="order", metavar="RULE"
    )
    """Order inside a round: similarity (most similar first), index (row number, as the published
    script does) or shuffle."""
    shuffle_after: float | None = option(None, _SEQUENCE, of="order", metavar="SHARE", ge=0, le=1)
    """Keep this share of the order (such as 0.2) and shuffle the rest."""
    seed: int = option(0, _SEQUENCE, of="order", ge=0)
    """Random seed."""
    leakage: LeakageMode = option("warn", _LEAK, of="order", metavar="MODE")
    """warn: report them; exclude: rank and order without them; fail: exit with code 3 if there are
    any; off: do not look."""
    leak_ngrams: LeakNgrams = option("half", _LEAK, text=_LEAK_NGRAMS, of="order")
    leak_similarity: float = option(0.98, _LEAK, of="order", ge=-1, le=1)
    """Rows whose embedding is more similar than this leak too."""
    target_role: Literal["validation", "test"] = option("test", _LEAK, of="order", metavar="ROLE")
    """What the test rows are to you: validation (data to choose by) or test. Recorded, and shown in
    reports."""
    rows_per_shard: int = option(50_000, _OUTPUT, of="shards", ge=1)
    """Rows per shard; the last has fewer."""
    tokenizer: Path | None = option(None, _OUTPUT)
    """tokenizer.json, or its folder, to count tokens with; by default the encoder's counts."""
    name: Name | None = option(None, _OUTPUT, metavar="NAME")
    """Name of the result instead of the order's; with several orders, a prefix."""
    shards: bool = option(True, _OUTPUT)
    """Write shards; with --no-shards the order alone."""
    shards_to: str | None = option(None, _OUTPUT, metavar="URL")
    """Write shards to this folder or URL (s3://bucket/prefix) instead of the workspace."""
    overwrite: bool = option(False, _OUTPUT, text=_OVERWRITE)
    device: SearchDevice = option("auto", _HARDWARE)
    """Where FAISS searches: auto, cpu, cuda (every GPU) or cuda:1."""
    engine: Literal["local", "ray"] = option("local", _HARDWARE)
    """local: this machine; ray: the CPUs of the Ray cluster that RAY_ADDRESS names, or of one
    started here."""

    @property
    def kmeans_cells(self) -> int | None:
        """K of `kmeans:K`, None for any other granularity."""
        _, _, cells = self.granularity.partition(":")
        return int(cells) if cells else None


class ExportOptions(Options):
    """Options of `tma-prep export`."""

    work: Folder = option(..., argument=True)
    """Workspace that arrange wrote shards to."""
    trainer: str = option(..., flag="for")
    """transformers, trl, axolotl, llamafactory, torchtune or jsonl."""
    name: Name | None = option(None, metavar="NAME")
    """Name of the order; needed where there are several."""
    out: Folder | None = option(None, metavar="FOLDER")
    """Folder to write; WORK/exports/NAME-for-TRAINER by default."""
    global_batch: int | None = option(None, ge=1)
    """Rows per optimizer step, over all processes and accumulation steps."""
    tail: Literal["cut", "keep"] | None = None
    """Rows that do not fill a whole global batch: cut leaves them out, keep hands them to the
    trainer."""
    packing: bool = False
    """Pack several rows into a sequence; refused where the trainer would sort them."""
    on_bad_row: Literal["fail", "skip"] = "fail"
    """A row that the trainer would not train on as it is: fail, or skip it."""
    keep: list[str] = option([], metavar="COLUMN")
    """Column to take along, as it is; repeatable."""
    overwrite: bool = option(False, text=_OVERWRITE)


class VerifyOptions(Options):
    """Options of `tma-prep verify`."""

    work: str = option(..., argument=True)
    """Workspace, or a folder of shards."""
    names: list[Name] = option([], flag="name", metavar="NAME")
    """Name of an order; all by default; repeatable."""
    consumed: Path | None = option(None, metavar="FOLDER")
    """Log of a training (tma_prep.order_check) to compare with the shards."""
    consumed_rows: int | None = option(None, ge=1)
    """Rows that the training was to take, from the first; by default all, or those of an export of
    these shards in the workspace. Rows that never came are a finding."""


class CompareOptions(Options):
    """Options of `tma-prep compare`."""

    work_a: Folder = option(..., argument=True)
    """A workspace."""
    work_b: Folder = option(..., argument=True)
    """Another one."""
    names: list[Name] = option([], flag="name", metavar="NAME")
    """Name of an order in both; all of those by default; repeatable."""


class ExplainOptions(Options):
    """Options of `tma-prep explain`; one of `position`, `row`, `test` and `id` is given."""

    work: Folder = option(..., argument=True)
    """Workspace that arrange wrote to."""
    position: int | None = option(None, ge=0)
    """The row at this position of the order, from 0."""
    row: int | None = option(None, ge=0)
    """The training row with this number (tma_row)."""
    test: int | None = option(None, ge=0)
    """The test row with this number."""
    id: str | None = option(None, metavar="ID")
    """The training or test row whose own id this is."""
    name: Name | None = option(None, metavar="NAME")
    """Name of the order; nft, or the only one, by default."""


class InspectOptions(Options):
    """Options of `tma-prep inspect`."""

    work: Folder = option(..., argument=True)
    """The workspace."""
    name: Name | None = option(None, metavar="NAME")
    """Name of the order to look at; nft, or the only one, by default."""
    html: bool = False
    """Write a page: WORK/inspect.html, or --out."""
    out: Path | None = option(None, metavar="FILE")
    """The file that --html writes."""


_BASE_STEPS = 150
_QUICK_BASE_STEPS = 40


class TrainCheckOptions(Options):
    """Options of `tma-prep train-check`; what is None depends on the others, see `resolved`."""

    work: Folder = option(..., argument=True)
    """Workspace that arrange wrote shards to."""
    orders: list[Name] = option([], _COMPARED, flag="order", metavar="NAME")
    """Name of an order; all by default; repeatable."""
    rounds: list[str] = option([], _COMPARED, metavar="A:B")
    """Compare windows of rounds of the first order instead, as in 0:5 (rounds 1 to 5); repeatable.
    """
    controls: Controls = option(None, _COMPARED, flag="control")
    """null, no-leak or off; repeatable. By default both, or none with --quick."""
    random_orders: int = option(3, _COMPARED, ge=2)
    """Random orders per seed in the control null."""
    leak_ngrams: LeakNgrams = option("half", _COMPARED, text=_LEAK_NGRAMS)
    eval: Literal["all", "seen", "unseen"] = option("all", _COMPARED, metavar="PART")
    """Test rows to evaluate: all, those that the orders were arranged for (seen), or those that
    arrange --target-fraction held out (unseen)."""
    require_lower: list[Name] = option([], _COMPARED, metavar="A B", pair=True, max_length=2)
    """Exit with code 3 unless the mean loss of A is lower than that of B (without leaking rows,
    where that control ran)."""
    model: str = option("tiny", _TRAINING)
    """tiny (a Llama of 1.3 million weights, trained here from nothing), a folder or hub name with
    safetensors, or a .gguf file."""
    trust_remote_code: bool = option(False, _TRAINING, text=_TRUST)
    lora: int | None = option(None, _TRAINING, ge=1)
    """Train LoRA adapters of this rank instead of all weights."""
    seeds: int | None = option(None, _TRAINING, ge=1)
    """Runs per order, each with its own initialisation and random orders; 3, or 1 with --quick."""
    seed: int = option(0, _TRAINING, ge=0)
    """First random seed."""
    budget: int | None = option(None, _TRAINING, ge=1)
    """Rows that each order is trained on; by default 512, and never more than a tenth of the
    smallest order: the beginning is where orders differ."""
    steps: int | None = option(None, _TRAINING, ge=1)
    """The same in steps of --batch-size rows."""
    batch_size: int = option(16, _TRAINING, ge=1)
    """Rows per step."""
    learning_rate: float = option(1e-3, _TRAINING, gt=0)
    """Peak learning rate of AdamW, after ten steps of warm-up."""
    max_tokens: int = option(128, _TRAINING, ge=16)
    """Maximum tokens per row; the beginning of the prompt is cut."""
    vocabulary: int = option(4096, _TRAINING, ge=300)
    """Vocabulary size of the tokenizer that tiny trains."""
    base_steps: int | None = option(None, _TRAINING, ge=0)
    """Train the initial model first, on random rows that share nothing with the tests and are then
    left out of every order. By default 150 for tiny (40 with --quick), else 0."""
    workers: int | None = option(None, _TRAINING, ge=1)
    """Runs at once; by default one a core, or one a GPU."""
    device: Device = option("auto", _TRAINING)
    """auto, cpu, cuda, cuda:1 or mps."""
    quick: bool = False
    """A quick look: one seed, no control, a short base. It proves nothing."""
    name: Name | None = option(None, metavar="NAME")
    """Name of the check; what it compares by default."""
    overwrite: bool = option(False, text=_OVERWRITE)

    @property
    def resolved(self) -> "TrainCheckOptions":
        """The same with nothing left open but the orders and the budget."""
        base = (_QUICK_BASE_STEPS if self.quick else _BASE_STEPS) if self.model == "tiny" else 0
        full: list[Control] = ["null", "no-leak"]
        return self.model_copy(
            update={
                "seeds": self.seeds or (1 if self.quick else 3),
                "base_steps": base if self.base_steps is None else self.base_steps,
                "controls": ([] if self.quick else full)
                if self.controls is None
                else sorted(set(self.controls), reverse=True),
                "quick": False,
            }
        )


class RunOptions(Options):
    """Options of `tma-prep run`."""

    file: Path = option(Path("tma.toml"), argument=True)
    """The file."""
    trust_remote_code: bool = False
    """Run code that comes with the models that the file names, and unpickle weights."""
    overwrite: bool = False
    """Replace what was made with other options, in every command."""


class InitOptions(Options):
    """Options of `tma-prep init`."""

    file: Path = option(Path("tma.toml"), argument=True)
    """The file to write."""
    work: Folder | None = option(None, flag="from", metavar="WORK")
    """Workspace whose results it is to repeat."""
    overwrite: bool = False
    """Replace a file that is there."""
