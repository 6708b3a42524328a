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

    train: list[str] = option(..., "Training files, folders or globs; repeatable.", min_length=1)
    test: list[str] = option(
        ..., "Test (target) files, folders or globs; repeatable.", min_length=1
    )
    out: Folder = option(..., "Workspace folder to create.")
    format: str | None = option(
        None,
        "Layout of the training rows, by name: messages, alpaca, qa and so on (docs/layouts.md). "
        "By default recognised by the columns and their types.",
        panel=_INPUT,
        metavar="LAYOUT",
    )
    test_format: str | None = option(
        None, "The same of the test rows.", panel=_INPUT, metavar="LAYOUT"
    )
    columns: str | None = option(
        None,
        "Columns of the training rows by role, as in prompt=question,response=answer. Roles: "
        "prompt, response, system, context, history, messages, tools, task, id.",
        panel=_INPUT,
        metavar="ROLE=COLUMN,…",
    )
    test_columns: str | None = option(
        None, "The same of the test rows.", panel=_INPUT, metavar="ROLE=COLUMN,…"
    )
    ni_examples: int = option(
        0,
        "Positive examples of a Natural Instructions task file that stand in its prompts.",
        panel=_INPUT,
        metavar="N",
        ge=0,
    )
    task_column: str | None = option(
        None,
        "Column that names the task. By default task, task_name or source, or that of the layout.",
        panel=_INPUT,
        metavar="COLUMN",
    )
    vectors_column: str | None = option(
        None,
        "Read embeddings from this column instead of computing them.",
        panel=_INPUT,
        metavar="COLUMN",
    )
    on_bad_row: Literal["fail", "skip"] = option(
        "fail", "fail: stop at the first bad row; skip: leave it out and list it.", panel=_INPUT
    )
    text: Literal["both", "prompt", "response"] = option(
        "both",
        "What is embedded: prompt, response, or both joined by one space.",
        panel=_TEXT,
        metavar="PART",
    )
    exchange: Literal["first", "last", "all"] = option(
        "first",
        "What of a conversation is embedded: the first question and answer, the last, or all "
        "messages but system text.",
        panel=_TEXT,
        metavar="WHICH",
    )
    test_exchange: Literal["first", "last", "all"] | None = option(
        None,
        "The same of the test rows, where it differs: last for few-shot prompts.",
        panel=_TEXT,
        metavar="WHICH",
    )
    model: str = option(
        "all-MiniLM-L6-v2", "sentence-transformers model: hub name or folder.", panel=_TEXT
    )
    trust_remote_code: bool = option(False, _TRUST, panel=_TEXT)
    max_length: int | None = option(
        None, "Maximum number of tokens; the model's own by default.", panel=_TEXT, ge=8
    )
    prefix: str = option(
        "", "Instruction put before every text, for models that expect one.", panel=_TEXT
    )
    truncate: Literal["text", "prompt"] = option(
        "text",
        "What is cut from a text that is too long: its end (text), or the end of its prompt, so "
        "that the response is read (prompt).",
        panel=_TEXT,
        metavar="PART",
    )
    device: Devices = option(
        "auto",
        "auto, cpu, mps, cuda or cuda:1. One process per device: all, numbers of CUDA devices as "
        "in 0,1,3, or cpu:2.",
        panel=_HARDWARE,
    )
    engine: Literal["local", "ray"] = option(
        "local",
        "local: this machine; ray: the Ray cluster that RAY_ADDRESS names (host:port or auto), or "
        "one started here.",
        panel=_HARDWARE,
    )
    dtype: Dtype = option(
        "auto",
        "Arithmetic of the model: float32, bfloat16, float16, or auto, which is bfloat16 where the "
        "hardware is fast at it, else float32. Stored embeddings are float32.",
        panel=_HARDWARE,
        metavar="DTYPE",
    )
    batch_tokens: int | None = option(
        None, "Tokens per batch; what suits the device by default.", panel=_HARDWARE, ge=1
    )
    rows_per_part: int = option(
        2048,
        "Rows per file of embeddings. An interrupted run keeps the files that were finished, and "
        "never fewer than 2,048 rows together; on a GPU 16,384.",
        panel=_STORE,
        ge=1,
    )
    update: bool = option(
        False, "The input grew or shrank: embed only the texts that are new.", panel=_STORE
    )
    overwrite: bool = option(False, _OVERWRITE, panel=_STORE)


class ArrangeOptions(OptionsWithMemory):
    """Options of `tma-prep arrange`."""

    work: Folder = option(..., "Workspace that embed made.", argument=True)
    ranking: str = option(
        "tma",
        "tma (rounds), wsd, min, avg, max, centroid (distances), or ot (optimal transport).",
        panel=_RANK,
        of="ranking",
    )
    granularity: Granularity = option(
        "instance", "What is ranked: instance, task, or kmeans:K.", panel=_RANK, of="ranking"
    )
    tests_per_task: int | None = option(
        None,
        "Use at most N test rows of each task, drawn by --seed.",
        panel=_RANK,
        of="ranking",
        ge=1,
    )
    target_fraction: float | None = option(
        None,
        "Arrange for this share of the test rows (such as 0.5), drawn by --seed, and hold the "
        "others out for train-check --eval unseen.",
        panel=_RANK,
        of="ranking",
        gt=0,
        lt=1,
    )
    by_task: bool = option(
        False, "Draw whole tasks for --target-fraction.", panel=_RANK, of="ranking"
    )
    select: str = option(
        "nearest",
        "nearest, farthest (farthest-pick rounds under tma), both-ends or random.",
        panel=_SELECT,
        of="order",
    )
    budget: str | None = option(
        None,
        "Rows (30000, 30k) or tokens (2Mtok) to keep; all by default.",
        panel=_SELECT,
        of="order",
    )
    rounds: str | None = option(
        None,
        "Keep a window of rounds, as a Python slice: 2:5 is rounds 3, 4 and 5.",
        panel=_SELECT,
        metavar="A:B",
        of="order",
    )
    per_task: PerTask | None = option(
        None,
        "Keep N rows of every task instead, by a rule: nearest (default), random, polar (both "
        "ends) or uniform. Example: 100:polar.",
        panel=_SELECT,
        metavar="N:RULE",
        of="order",
    )
    orders: list[str] = option(
        ["nft"],
        "nft (nearest first), fft (farthest first), rt (shuffled), round-robin or cluster (by "
        "task); repeatable.",
        panel=_SEQUENCE,
        flag="order",
        min_length=1,
    )
    within_round: Literal["similarity", "index", "shuffle"] = option(
        "similarity",
        "Order inside a round: similarity (most similar first), index (row number, as the "
        "published script does) or shuffle.",
        panel=_SEQUENCE,
        metavar="RULE",
        of="order",
    )
    shuffle_after: float | None = option(
        None,
        "Keep this share of the order (such as 0.2) and shuffle the rest.",
        panel=_SEQUENCE,
        metavar="SHARE",
        of="order",
        ge=0,
        le=1,
    )
    seed: int = option(0, "Random seed.", panel=_SEQUENCE, of="order", ge=0)
    leakage: LeakageMode = option(
        "warn",
        "warn: report them; exclude: rank and order without them; fail: exit with code 3 if there "
        "are any; off: do not look.",
        panel=_LEAK,
        metavar="MODE",
        of="order",
    )
    leak_ngrams: LeakNgrams = option("half", _LEAK_NGRAMS, panel=_LEAK, of="order")
    leak_similarity: float = option(
        0.98,
        "Rows whose embedding is more similar than this leak too.",
        panel=_LEAK,
        of="order",
        ge=-1,
        le=1,
    )
    target_role: Literal["validation", "test"] = option(
        "test",
        "What the test rows are to you: validation (data to choose by) or test. Recorded, and "
        "shown in reports.",
        panel=_LEAK,
        metavar="ROLE",
        of="order",
    )
    rows_per_shard: int = option(
        50_000, "Rows per shard; the last has fewer.", panel=_OUTPUT, of="shards", ge=1
    )
    tokenizer: Path | None = option(
        None,
        "tokenizer.json, or its folder, to count tokens with; by default the encoder's counts.",
        panel=_OUTPUT,
    )
    name: Name | None = option(
        None,
        "Name of the result instead of the order's; with several orders, a prefix.",
        panel=_OUTPUT,
        metavar="NAME",
    )
    shards: bool = option(True, "Write shards; with --no-shards the order alone.", panel=_OUTPUT)
    shards_to: str | None = option(
        None,
        "Write shards to this folder or URL (s3://bucket/prefix) instead of the workspace.",
        panel=_OUTPUT,
        metavar="URL",
    )
    overwrite: bool = option(False, _OVERWRITE, panel=_OUTPUT)
    device: SearchDevice = option(
        "auto", "Where FAISS searches: auto, cpu, cuda (every GPU) or cuda:1.", panel=_HARDWARE
    )
    engine: Literal["local", "ray"] = option(
        "local",
        "local: this machine; ray: the CPUs of the Ray cluster that RAY_ADDRESS names, or of one "
        "started here.",
        panel=_HARDWARE,
    )

    @property
    def kmeans_cells(self) -> int | None:
        """K of `kmeans:K`, None for any other granularity."""
        _, _, cells = self.granularity.partition(":")
        return int(cells) if cells else None


class ExportOptions(Options):
    """Options of `tma-prep export`."""

    work: Folder = option(..., "Workspace that arrange wrote shards to.", argument=True)
    trainer: str = option(
        ..., "transformers, trl, axolotl, llamafactory, torchtune or jsonl.", flag="for"
    )
    name: Name | None = option(
        None, "Name of the order; needed where there are several.", metavar="NAME"
    )
    out: Folder | None = option(
        None, "Folder to write; WORK/exports/NAME-for-TRAINER by default.", metavar="FOLDER"
    )
    global_batch: int | None = option(
        None, "Rows per optimizer step, over all processes and accumulation steps.", ge=1
    )
    tail: Literal["cut", "keep"] | None = option(
        None,
        "Rows that do not fill a whole global batch: cut leaves them out, keep hands them to the "
        "trainer.",
    )
    packing: bool = option(
        False, "Pack several rows into a sequence; refused where the trainer would sort them."
    )
    on_bad_row: Literal["fail", "skip"] = option(
        "fail", "A row that the trainer would not train on as it is: fail, or skip it."
    )
    keep: list[str] = option([], "Column to take along, as it is; repeatable.", metavar="COLUMN")
    overwrite: bool = option(False, _OVERWRITE)


class VerifyOptions(Options):
    """Options of `tma-prep verify`."""

    work: str = option(..., "Workspace, or a folder of shards.", argument=True)
    names: list[Name] = option(
        [], "Name of an order; all by default; repeatable.", flag="name", metavar="NAME"
    )
    consumed: Path | None = option(
        None,
        "Log of a training (tma_prep.order_check) to compare with the shards.",
        metavar="FOLDER",
    )
    consumed_rows: int | None = option(
        None,
        "Rows that the training was to take, from the first; by default all, or those of an "
        "export of these shards in the workspace. Rows that never came are a finding.",
        ge=1,
    )


class CompareOptions(Options):
    """Options of `tma-prep compare`."""

    work_a: Folder = option(..., "A workspace.", argument=True)
    work_b: Folder = option(..., "Another one.", argument=True)
    names: list[Name] = option(
        [],
        "Name of an order in both; all of those by default; repeatable.",
        flag="name",
        metavar="NAME",
    )


class ExplainOptions(Options):
    """Options of `tma-prep explain`; one of `position`, `row` and `test` is given."""

    work: Folder = option(..., "Workspace that arrange wrote to.", argument=True)
    position: int | None = option(None, "The row at this position of the order, from 0.", ge=0)
    row: int | None = option(None, "The training row with this number (tma_row).", ge=0)
    test: int | None = option(None, "The test row with this number.", ge=0)
    name: Name | None = option(
        None, "Name of the order; nft, or the only one, by default.", metavar="NAME"
    )


class InspectOptions(Options):
    """Options of `tma-prep inspect`."""

    work: Folder = option(..., "The workspace.", argument=True)
    name: Name | None = option(
        None, "Name of the order to look at; nft, or the only one, by default.", metavar="NAME"
    )
    html: bool = option(False, "Write a page: WORK/inspect.html, or --out.")
    out: Path | None = option(None, "The file that --html writes.", metavar="FILE")


_BASE_STEPS = 150
_QUICK_BASE_STEPS = 40


class TrainCheckOptions(Options):
    """Options of `tma-prep train-check`; what is None depends on the others, see `resolved`."""

    work: Folder = option(..., "Workspace that arrange wrote shards to.", argument=True)
    orders: list[Name] = option(
        [],
        "Name of an order; all by default; repeatable.",
        panel=_COMPARED,
        flag="order",
        metavar="NAME",
    )
    rounds: list[str] = option(
        [],
        "Compare windows of rounds of the first order instead, as in 0:5 (rounds 1 to 5); "
        "repeatable.",
        panel=_COMPARED,
        metavar="A:B",
    )
    controls: Controls = option(
        None,
        "null, no-leak or off; repeatable. By default both, or none with --quick.",
        panel=_COMPARED,
        flag="control",
    )
    random_orders: int = option(
        3, "Random orders per seed in the control null.", panel=_COMPARED, ge=2
    )
    leak_ngrams: LeakNgrams = option("half", _LEAK_NGRAMS, panel=_COMPARED)
    eval: Literal["all", "seen", "unseen"] = option(
        "all",
        "Test rows to evaluate: all, those that the orders were arranged for (seen), or those that "
        "arrange --target-fraction held out (unseen).",
        panel=_COMPARED,
        metavar="PART",
    )
    require_lower: list[Name] = option(
        [],
        "Exit with code 3 unless the mean loss of A is lower than that of B (without leaking rows, "
        "where that control ran).",
        panel=_COMPARED,
        metavar="A B",
        pair=True,
        max_length=2,
    )
    model: str = option(
        "tiny",
        "tiny (a Llama of 1.3 million weights, trained here from nothing), a folder or hub name "
        "with safetensors, or a .gguf file.",
        panel=_TRAINING,
    )
    trust_remote_code: bool = option(False, _TRUST, panel=_TRAINING)
    lora: int | None = option(
        None, "Train LoRA adapters of this rank instead of all weights.", panel=_TRAINING, ge=1
    )
    seeds: int | None = option(
        None,
        "Runs per order, each with its own initialisation and random orders; 3, or 1 with --quick.",
        panel=_TRAINING,
        ge=1,
    )
    seed: int = option(0, "First random seed.", panel=_TRAINING, ge=0)
    budget: int | None = option(
        None,
        "Rows that each order is trained on; by default 512, and never more than a tenth of the "
        "smallest order: the beginning is where orders differ.",
        panel=_TRAINING,
        ge=1,
    )
    steps: int | None = option(
        None, "The same in steps of --batch-size rows.", panel=_TRAINING, ge=1
    )
    batch_size: int = option(16, "Rows per step.", panel=_TRAINING, ge=1)
    learning_rate: float = option(
        1e-3, "Peak learning rate of AdamW, after ten steps of warm-up.", panel=_TRAINING, gt=0
    )
    max_tokens: int = option(
        128, "Maximum tokens per row; the beginning of the prompt is cut.", panel=_TRAINING, ge=16
    )
    vocabulary: int = option(
        4096, "Vocabulary size of the tokenizer that tiny trains.", panel=_TRAINING, ge=300
    )
    base_steps: int | None = option(
        None,
        "Train the initial model first, on random rows that share nothing with the tests and are "
        "then left out of every order. By default 150 for tiny (40 with --quick), else 0.",
        panel=_TRAINING,
        ge=0,
    )
    workers: int | None = option(
        None, "Runs at once; by default one a core, or one a GPU.", panel=_TRAINING, ge=1
    )
    device: Device = option("auto", "auto, cpu, cuda, cuda:1 or mps.", panel=_TRAINING)
    quick: bool = option(
        False, "A quick look: one seed, no control, a short base. It proves nothing."
    )
    name: Name | None = option(
        None, "Name of the check; what it compares by default.", metavar="NAME"
    )
    overwrite: bool = option(False, _OVERWRITE)

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

    file: Path = option(Path("tma.toml"), "The file.", argument=True)
    trust_remote_code: bool = option(
        False, "Run code that comes with the models that the file names, and unpickle weights."
    )
    overwrite: bool = option(False, "Replace what was made with other options, in every command.")


class InitOptions(Options):
    """Options of `tma-prep init`."""

    file: Path = option(Path("tma.toml"), "The file to write.", argument=True)
    work: Folder | None = option(
        None, "Workspace whose results it is to repeat.", flag="from", metavar="WORK"
    )
    overwrite: bool = option(False, "Replace a file that is there.")
