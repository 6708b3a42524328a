"""Write the sample data: a made-up training set and a test set of unseen tasks.

The same version of this script writes the same bytes on every machine. Run it as
``python sample_data/generate.py``; ``--out`` names another folder.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:
    # A script sees only its own folder, but the imports below start one folder up.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sample_data.tasks.core import Dice, Fields, Task
from sample_data.tasks.registry import TEST, TRAIN

SEED = "tma-prep sample data 1"
ATTEMPTS = 200

Row = dict[str, str | list[dict[str, str]]]


def draw_fresh(name: str, task: Task, index: int, seen: set[tuple[str, ...]]) -> Fields:
    """Make up values that no earlier row of the task has, as long as there are some.

    Args:
        name: The task's name.
        task: The task.
        index: The row's number within the task.
        seen: The values of earlier rows; those returned are added.

    Returns:
        The values; earlier ones once every attempt was in vain.
    """
    fields: Fields = {}
    for attempt in range(ATTEMPTS):
        fields = task.draw(Dice(f"{SEED}/{name}/{index}/{attempt}"))
        key = tuple(fields.values())
        if key not in seen:
            seen.add(key)
            break
    return fields


def make_rows(name: str, task: Task) -> list[Row]:
    """Make all rows of one task.

    Args:
        name: The task's name.
        task: The task.

    Returns:
        The rows, no two with the same prompt and response.

    Raises:
        ValueError: The task cannot make that many different rows.
    """
    rows: list[Row] = []
    seen: set[tuple[str, ...]] = set()
    texts: set[tuple[str, str]] = set()
    for index in range(task.rows):
        fields = draw_fresh(name, task, index, seen)
        turns = range(index, index + len(task.phrasings))
        rendered = [text for turn in turns if (text := task.render(fields, turn)) not in texts]
        if not rendered:
            raise ValueError(f"Task {name} has fewer than {task.rows} different rows.")
        prompt, response = rendered[0]
        texts.add(rendered[0])
        talk = [{"from": "human", "value": prompt}, {"from": "gpt", "value": response}]
        rows.append({"id": f"{name}-{index:04}", "source": name, "conversations": talk})
    return rows


def make_set(tasks: dict[str, Task]) -> list[Row]:
    """Make the rows of several tasks, one task after the other."""
    return [row for name, task in tasks.items() for row in make_rows(name, task)]


def mixed(rows: list[Row]) -> list[Row]:
    """Return the rows in an order that says nothing about their tasks.

    The place of a row depends on its identifier alone, so that a change to one task leaves the
    other rows in order.
    """
    return sorted(rows, key=lambda row: hashlib.sha256(str(row["id"]).encode()).digest())


def write_files(folder: Path) -> None:
    """Write ``train.jsonl`` and ``test.json``.

    Args:
        folder: Where to write; made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    train = [json.dumps(row, ensure_ascii=False) for row in mixed(make_set(TRAIN))]
    test = [json.dumps(row, ensure_ascii=False) for row in make_set(TEST)]
    files = {
        "train.jsonl": "".join(f"{line}\n" for line in train),
        "test.json": "[\n" + ",\n".join(f"  {line}" for line in test) + "\n]\n",
    }
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words of the command line; those of the process by default.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description="Write train.jsonl and test.json.")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).resolve().parent,
        help="folder to write into (default: the script's own)",
    )
    write_files(parser.parse_args(arguments).out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
