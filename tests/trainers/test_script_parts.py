"""Parts of the exported scripts that need no training."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.test_export import config_of, run
from tma_prep.checks.data import train_tokenizer

SAID = " I say this"
HEADED = (
    "{% for m in messages %}<{{ m.role }}>: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>: {% endif %}"
)
"""A header that ends in a space, which tokenizers put to the word behind it."""

LAST_ALONE = (
    "{% for m in messages %}{% if loop.last %}!{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}"
)


@pytest.fixture(scope="module")
def encode(ordered_chats: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401
    """The function of the script for conversations."""
    out = tmp_path_factory.mktemp("parts") / "x"
    return runpy.run_path(str(run(ordered_chats, out, "transformers").start))["encode"]


def row() -> dict[str, Any]:
    """Two answers."""
    spoken = [("user", "ask"), ("assistant", SAID[1:])] * 2
    return {"tma_position": 5, "messages": [{"role": r, "content": c} for r, c in spoken]}


def test_the_token_that_begins_before_an_answer_counts(encode: Any) -> None:  # noqa: ANN401
    """With the space that the header ends in; no other token of the header does."""
    tokenizer = train_tokenizer([SAID] * 9, 300)
    tokenizer.chat_template = HEADED
    found = encode(row(), tokenizer, None, 2048)
    learned = [token for token in found["labels"] if token != -100]
    assert str(tokenizer.decode(learned)) == SAID * 2
    assert len(tokenizer(SAID)["input_ids"]) * 2 == len(learned)


def test_a_template_that_shows_messages_differently_is_refused(encode: Any) -> None:  # noqa: ANN401
    """With what to do."""
    tokenizer = train_tokenizer([SAID] * 9, 300)
    tokenizer.chat_template = LAST_ALONE
    with pytest.raises(
        SystemExit,
        match="tma_position 5: .* differently once others follow, .*give the tokenizer a",
    ):
        encode(row(), tokenizer, None, 2048)


def test_a_conversation_keeps_its_end_and_an_answer(encode: Any) -> None:  # noqa: ANN401
    """Cut at the beginning; refused by its position where no answer is left."""
    tokenizer = train_tokenizer([SAID] * 9, 300)
    tokenizer.chat_template = HEADED
    whole = encode(row(), tokenizer, None, 2048)
    found = encode(row(), tokenizer, None, 9)
    assert found == {name: tokens[-9:] for name, tokens in whole.items()}
    asked = row()
    asked["messages"].append({"role": "user", "content": "a long question"})
    with pytest.raises(SystemExit, match="tma_position 5: no answer among the last 9 of .* tokens"):
        encode(asked, tokenizer, None, 9)


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["transformers", "trl"])
def test_shards_that_moved_are_named(
    ordered: Path, tmp_path: Path, trainer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that says how to say where they are; they are looked for first."""
    script = Path(str(run(ordered, tmp_path / "x", trainer).start))
    text = script.read_text(encoding="utf-8")
    assert "Stops at" not in text
    script.write_text(text.replace(str(ordered), str(tmp_path / "gone")), encoding="utf-8")
    typed = [str(script), "--model", "none", "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", typed)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    shards = tmp_path / "gone" / "shards" / "nft"
    assert ended.value.code == (
        f"no shards in {shards}, to check the order with; name them by --shards"
    )


def test_both_scripts_take_shards_from_elsewhere(ordered: Path, tmp_path: Path) -> None:
    """The check reads what the option says."""
    for trainer in ("transformers", "trl"):
        text = config_of(run(ordered, tmp_path / trainer, trainer))
        assert "attach(trainer, given.shards, " in text
