"""The exported scripts on every chat template that TRL ships: what is seen, and what is counted."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import trl
from transformers import PreTrainedTokenizerFast
from trl.chat_template_utils import supports_tool_calling

from tests.trainers.test_export import run
from tma_prep.checks.data import train_tokenizer

TEMPLATES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
    if not path.stem.endswith("_training")
}

CALL = [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": "where"}}}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "", "parameters": SCHEMA}}
]


@pytest.fixture(scope="module")
def script(ordered_chats: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The functions of the script for conversations; TRL's script has the same."""
    out = tmp_path_factory.mktemp("script")
    found = runpy.run_path(str(run(ordered_chats, out / "x", "transformers").start))
    other = runpy.run_path(str(run(ordered_chats, out / "y", "trl").start))
    assert found["encode"].__code__.co_code == other["encode"].__code__.co_code
    return found


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """Of bytes, with all the tokens that templates name."""
    made = train_tokenizer(["ask one two say"] * 9, 300)
    made.bos_token = made.eos_token
    return made


def said(*texts: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A user and an assistant in turn; `masked` names an answer that is not to be trained."""
    messages = [
        {
            "role": ("user", "assistant")[place % 2],
            "content": text,
            **({"train": text != more["masked"]} if "masked" in more and place % 2 else {}),
        }
        for place, text in enumerate(texts)
    ]
    return {"tma_position": 5, "messages": messages}


def counted(script: dict[str, Any], tokenizer: PreTrainedTokenizerFast, row: Any) -> str:  # noqa: ANN401
    """The text that the loss counts of a row, which the model sees whole."""
    found = script["encode"](row, tokenizer, script["training_template"](tokenizer), 2048)
    seen = str(tokenizer.decode(found["input_ids"]))
    for message in row["messages"]:
        assert message["content"] in seen
    return str(tokenizer.decode([token for token in found["labels"] if token != -100]))


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_loss_counts_the_answers(
    script: dict[str, Any], tokenizer: PreTrainedTokenizerFast, name: str
) -> None:
    """Each of them and the end of its turn, and nothing that a user says; masked ones do not."""
    tokenizer.chat_template = TEMPLATES[name]
    for texts, masked, wanted in (
        (("ask1", "one1"), None, ["one1"]),
        (("ask1", "one1", "ask2", "two2"), None, ["one1", "two2"]),
        (("ask1", "one1", "ask2", "two2"), "one1", ["two2"]),
        (("ask1", "one1", "ask2", "two2"), "two2", ["one1"]),
    ):
        row = said(*texts, **({} if masked is None else {"masked": masked}))
        found = counted(script, tokenizer, row)
        assert [text for text in texts if text in found] == wanted
        assert not found.endswith(wanted[-1])


@pytest.mark.parametrize("name", TEMPLATES)
def test_calls_are_counted_or_refused(
    script: dict[str, Any], tokenizer: PreTrainedTokenizerFast, name: str
) -> None:
    """Where the template shows tools and calls; their results never are."""
    tokenizer.chat_template = TEMPLATES[name]
    row = said("ask1", "", "ask2", "one1") | {"tools": TOOLS}
    row["messages"][1]["tool_calls"] = CALL
    row["messages"][2] = {"role": "tool", "name": "weather", "content": "rain7"}
    # DeepSeek-V3's shows calls, but not which tools there are.
    if name == "deepseekv3" or not supports_tool_calling(tokenizer):
        with pytest.raises(SystemExit, match="^tma_position 5: .*give the tokenizer a chat_templ"):
            counted(script, tokenizer, row)
        return
    found = counted(script, tokenizer, row)
    assert [text for text in ("Oslo", "rain7", "one1") if text in found] == ["Oslo", "one1"]
    row["messages"][1]["train"] = False
    found = counted(script, tokenizer, row)
    assert [text for text in ("Oslo", "rain7", "one1") if text in found] == ["one1"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_system_text_is_shown_or_refused(
    script: dict[str, Any], tokenizer: PreTrainedTokenizerFast, name: str
) -> None:
    """Only the first Gemma has none."""
    tokenizer.chat_template = TEMPLATES[name]
    row = said("ask1", "one1")
    row["messages"].insert(0, {"role": "system", "content": "brief8"})
    if name == "gemma":
        with pytest.raises(SystemExit, match="^tma_position 5: System role not supported"):
            counted(script, tokenizer, row)
        return
    found = counted(script, tokenizer, row)
    assert [text for text in ("brief8", "ask1", "one1") if text in found] == ["one1"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_single_turns_need_no_trl(
    script: dict[str, Any], tokenizer: PreTrainedTokenizerFast, name: str
) -> None:
    """The tokenizer's own template tells the last answer apart; of more it does, or says not."""
    tokenizer.chat_template = TEMPLATES[name]
    encode = script["encode"]
    for row, wanted in ((said("ask1", "one1"), "one1"), (said("ask1", "one1", "ask2", "two2"), "")):
        try:
            labels = encode(row, tokenizer, None, 2048)["labels"]
        except SystemExit as error:
            assert not wanted
            assert "once others follow" in str(error)
            continue
        found = str(tokenizer.decode([token for token in labels if token != -100]))
        assert ("one1" in found, "ask" in found) == (True, False)


def test_no_template_at_all(script: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> None:
    """Is told in one line."""
    assert script["training_template"](tokenizer) is None
    with pytest.raises(SystemExit, match="^tma_position 5: .*chat_template is not set.*$"):
        counted(script, tokenizer, said("ask1", "one1"))
