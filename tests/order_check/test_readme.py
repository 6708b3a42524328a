"""What the README tells a user to paste, run as it stands there."""

import functools
import re
from pathlib import Path
from typing import Any

import pytest
from trl.trainer.sft_config import SFTConfig

from tests.order_check.tiny import ROWS, Rows, Seen, make_model, make_tokenizer
from tma_prep.shards.reader import open_shards
from tma_prep.trainers.consumed import compare

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"


def blocks() -> list[str]:
    """The Python blocks of the section on the proof."""
    section = README.read_text("utf-8").partition("### Prove it while training\n")[2]
    section = re.split(r"^##", section, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(3), ids=["SFTTrainer", "Trainer", "DataLoader"])
def test_the_code_trains_in_order_and_leaves_a_proof(
    tmp_path: Path, shards: Path, rows: Rows, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with a workspace, with a model and a tokenizer."""
    assert len(blocks()) == 3
    (tmp_path / "work").symlink_to(shards.parents[1])
    monkeypatch.chdir(tmp_path)
    # It wants bfloat16 on a GPU unless told otherwise.
    on_cpu = functools.partial(SFTConfig, use_cpu=True, report_to=[])
    monkeypatch.setattr("trl.SFTConfig", on_cpu, raising=False)
    taken: list[int] = []

    def train_on(batch: dict[str, Any]) -> None:
        taken.extend(batch["tma_position"].tolist())

    model = make_model()
    names = {"model": model, "tokenizer": make_tokenizer(), "rows": rows, "train_on": train_on}
    seen = Seen(shards)
    with seen.by(model):
        exec(compile(blocks()[number], str(README), "exec"), names)
    assert seen.positions + taken == list(range(ROWS))
    assert seen.unknown == 0
    # Any number drops the rows whose prompt fills it.
    assert ("max_length=None" in blocks()[number]) == ("SFTTrainer" in blocks()[number])
    assert compare(tmp_path / "consumed", open_shards(shards)).facts.whole
