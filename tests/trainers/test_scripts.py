"""The exported scripts, run as they are written; what the model sees is read off from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.trainers.made_orders import arranged, exchanges
from tests.trainers.test_export import run
from tma_prep.checks.data import train_tokenizer
from tma_prep.shards.reader import open_shards
from tma_prep.trainers.consumed import compare

pytestmark = pytest.mark.slow

COUNT, BATCH = 23, 4

TEMPLATE = (
    "{% if tools %}[{{ tools | tojson }}]{% endif %}"
    "{% for m in messages %}<{{ m.role }}> {% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% for c in m.tool_calls or [] %}[{{ c.function | tojson }}]{% endfor %}"
    "{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
    "{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)

PAIRS = exchanges(COUNT)
CHATS = [
    [
        *([("system", f"be {n}")] if n % 2 else []),
        ("user", prompt),
        ("assistant", response),
        *([("user", f"and {n}?"), ("assistant", f"no {n}")] if n % 3 else []),
    ]
    for n, (prompt, response) in enumerate(PAIRS)
]


def shown_exchange(row: int) -> tuple[str, str]:
    """What the model must read of a row, and what of that its loss counts, by hand."""
    prompt, response = PAIRS[row]
    space = "" if prompt[-1].isspace() else " "
    return f"{prompt}{space}{response}<|end|>", f"{space}{response}<|end|>"


def shown_chat(row: int) -> tuple[str, str]:
    """The same of a conversation by the template above."""
    text = "".join(
        f"<{role}> {content}" + ("<|end|>" if role == "assistant" else "") + "\n"
        for role, content in CHATS[row]
    )
    return text, "".join(f"{text}<|end|>" for role, text in CHATS[row] if role == "assistant")


def called(row: int) -> dict[str, Any]:
    """A masked answer, then a call of a tool, its result and an answer; arguments differ."""
    function = {"name": f"f{row}", "arguments": {f"key {row}": [row, None]}}
    return {
        "system": f"be {row}",
        "messages": [
            {"role": "user", "content": PAIRS[row][0]},
            {"role": "assistant", "content": f"wrong {row}", "weight": 0},
            {"role": "user", "content": "sure?"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": function}]},
            {"role": "tool", "content": f"result {row}"},
            {"role": "assistant", "content": f"right {row}"},
        ],
        "tools": [{"type": "function", "function": {"name": f"f{row}"}}],
    }


def shown_call(row: int) -> tuple[str, str]:
    """The same of that."""
    call = f'[{{"name": "f{row}", "arguments": {{"key {row}": [{row}, null]}}}}]<|end|>'
    text = (
        f'[[{{"type": "function", "function": {{"name": "f{row}"}}}}]]<system> be {row}\n'
        f"<user> {PAIRS[row][0]}\n<assistant> wrong {row}<|end|>\n<user> sure?\n"
        f"<assistant> {call}\n<tool> result {row}\n<assistant> right {row}<|end|>\n"
    )
    return text, f"{call}right {row}<|end|>"


def shown_text(row: int) -> tuple[str, str]:
    """The same of running text."""
    return f"{PAIRS[row][0]}<|end|>", f"{PAIRS[row][0]}<|end|>"


SHOWN = {
    "exchanges": shown_exchange,
    "chats": shown_chat,
    "calls": shown_call,
    "texts": shown_text,
}

DRIVER = """
import json, os, runpy, sys
from unittest import mock
import torch
from transformers import LlamaForCausalLM

seen = []
def look(module, args, kwargs):
    if module.training and torch.is_grad_enabled():
        seen.append([kwargs["input_ids"].tolist(), kwargs["labels"].tolist()])
make = LlamaForCausalLM.__init__
def made(self, *args, **kwargs):
    make(self, *args, **kwargs)
    self.register_forward_pre_hook(look, with_kwargs=True)
LlamaForCausalLM.__init__ = made

model, results = sys.argv[1], {}
for script in sys.argv[2:]:
    seen.clear()
    sys.argv = [script, "--model", model, "--output", os.path.dirname(script) + "-out"]
    try:
        runpy.run_path(script, run_name="__main__")
        ended = "well"
    except BaseException as error:
        ended = f"{type(error).__name__}: {error}"
    with mock.patch.dict(os.environ, WORLD_SIZE="2"):
        sizes = runpy.run_path(script)["batch_sizes"]
        try:
            two_ranks = list(sizes(None))
        except SystemExit as error:
            two_ranks = str(error)
    results[script] = {"ended": ended, "seen": list(seen), "two_ranks": two_ranks}
json.dump(results, sys.stdout)
"""

BROKEN = {
    "sampler": ('"sequential"', '"random"'),
    "epochs": ("EPOCHS = 1", "EPOCHS = 2"),
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Every byte is a token or part of one, so that any text comes back."""
    texts = [text for pair in PAIRS for text in pair]
    made = train_tokenizer(texts, 300)
    made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A workspace of every form."""
    rows = [{"prompt": prompt, "response": response} for prompt, response in PAIRS]
    chats = [{"messages": [{"role": r, "content": c} for r, c in chat]} for chat in CHATS]
    return {
        "exchanges": arranged(tmp_path_factory.mktemp("exchanges"), rows),
        "chats": arranged(tmp_path_factory.mktemp("chats"), chats),
        "calls": arranged(tmp_path_factory.mktemp("calls"), [called(n) for n in range(COUNT)]),
        "texts": arranged(
            tmp_path_factory.mktemp("texts"),
            [{"text": prompt} for prompt, _ in PAIRS],
            text="prompt",
        ),
    }


@pytest.fixture(scope="module")
def trained(
    work: dict[str, Path],
    tokenizer: PreTrainedTokenizerFast,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Every script run in one process of its own, and some with one thing broken."""
    root = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    ).save_pretrained(root / "model")
    tokenizer.save_pretrained(root / "model")
    scripts = {}
    for trainer in ("transformers", "trl"):
        for form in work:
            out = root / f"{trainer}-{form}"
            result = run(work[form], out, trainer, global_batch=BATCH, tail="cut")
            scripts[out.name] = Path(str(result.start))
        whole = root / f"{trainer}-whole"
        result = run(work["exchanges"], whole, trainer, global_batch=BATCH, tail="keep")
        scripts[whole.name] = Path(str(result.start))
        twice = root / f"{trainer}-twice"
        run(work["exchanges"], twice, trainer, global_batch=BATCH, tail="cut")
        scripts[twice.name] = _edited(twice, {"EPOCHS = 1": "EPOCHS = 2", '= "stop"': '= "warn"'})
        for name, (setting, other) in BROKEN.items():
            broken = root / f"{trainer}-{name}"
            run(work["exchanges"], broken, trainer, global_batch=BATCH, tail="cut")
            scripts[broken.name] = _edited(broken, {setting: other})
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(root / "model"), *map(str, scripts.values())],
        capture_output=True,
        text=True,
        check=False,
        env={**_environment(), "HF_HOME": str(root / "cache"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    return {name: results[str(script)] for name, script in scripts.items()}


def _edited(folder: Path, changes: dict[str, str]) -> Path:
    """The script with some of its text replaced."""
    script = folder / "train.py"
    text = script.read_text(encoding="utf-8")
    for was, now in changes.items():
        assert text.count(was) == 1
        text = text.replace(was, now)
    script.write_text(text, encoding="utf-8")
    return script


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "WORLD_SIZE"}


def read_off(tokenizer: PreTrainedTokenizerFast, result: dict[str, Any]) -> list[tuple[str, str]]:
    """Text of every row that the model saw, and of what the loss counted."""
    found = []
    for batch, labels in result["seen"]:
        for ids, counted in zip(batch, labels, strict=True):
            read = [token for token in ids if token != tokenizer.pad_token_id]
            learned = [token for token in counted if token != -100]
            found.append((str(tokenizer.decode(read)), str(tokenizer.decode(learned))))
    return found


@pytest.mark.parametrize("trainer", ["transformers", "trl"])
@pytest.mark.parametrize("form", SHOWN)
def test_the_model_sees_every_row_in_order(
    trained: dict[str, Any],
    tokenizer: PreTrainedTokenizerFast,
    work: dict[str, Path],
    trainer: str,
    form: str,
) -> None:
    """Whole, with the loss on what the model is to say; and the log says so too."""
    result = trained[f"{trainer}-{form}"]
    assert result["ended"] == "well"
    order = (
        pq.read_table(work[form] / "orders" / "nft" / "order.parquet").column("tma_row").to_pylist()
    )
    assert read_off(tokenizer, result) == [SHOWN[form](row) for row in order[:20]]
    assert result["two_ranks"] == [2, 1]


@pytest.mark.parametrize("trainer", ["transformers", "trl"])
def test_the_log_is_a_proof(
    trained: dict[str, Any],
    work: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    trainer: str,
) -> None:
    """All rows in order, where none is cut; two ranks are refused, as rows would come twice."""
    result = trained[f"{trainer}-whole"]
    assert result["ended"] == "well"
    assert "rows would be trained twice" in result["two_ranks"]
    root = sorted(tmp_path_factory.getbasetemp().glob("trained*"))[-1]
    log = root / f"{trainer}-whole-out" / "consumed"
    found = compare(log, open_shards(work["exchanges"] / "shards" / "nft"))
    assert (found.findings, found.facts.whole, found.facts.rows) == ([], True, COUNT)


@pytest.mark.parametrize("trainer", ["transformers", "trl"])
def test_two_epochs_are_two_times_the_same_order(
    trained: dict[str, Any], tokenizer: PreTrainedTokenizerFast, trainer: str
) -> None:
    """As the export warned; set to warn, the check warns too, and lets it be."""
    result = trained[f"{trainer}-twice"]
    assert result["ended"] == "well"
    once = read_off(tokenizer, trained[f"{trainer}-exchanges"])
    assert read_off(tokenizer, result) == once + once


@pytest.mark.parametrize("trainer", ["transformers", "trl"])
def test_a_broken_setting_is_caught(trained: dict[str, Any], trainer: str) -> None:
    """Before the first row that is wrong."""
    result = trained[f"{trainer}-sampler"]
    assert result["ended"].startswith("SystemExit: tma_position 0 was expected and ")
    assert "a random sampler" in result["ended"]
    assert not result["seen"]
    result = trained[f"{trainer}-epochs"]
    assert result["ended"].startswith("SystemExit: ")
    assert "set num_train_epochs=1" in result["ended"]
    assert not result["seen"]
