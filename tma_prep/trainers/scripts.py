"""What the exported scripts share: constants that stay constants, the command line, batches."""

import textwrap
from collections.abc import Mapping, Sequence

from tma_prep.trainers.text import notes
from tma_prep.trainers.trainer import Handoff

SCRIPT = "train.py"

_COMMAND_LINE = '''\
def command_line() -> argparse.Namespace:
    """What differs from run to run; all that the order depends on stands in this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="a folder or a hub name")
    parser.add_argument("--output", required=True, type=Path, help="folder of the result")
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--batch", type=int, help="rows that one process holds at once")
    parser.add_argument("--resume", action="store_true", help="from the last checkpoint")
    parser.add_argument("--shards", type=Path, default=Path(SHARDS), help="where they are now")
@OPTIONS@    given = parser.parse_args()
    if not (given.shards / "manifest.json").is_file():
        sys.exit(f"no shards in {given.shards}, to check the order with; name them by --shards")
    return given


def batch_sizes(batch: int | None) -> tuple[int, int]:
    """Rows that one process holds at once, and how often it does before a step."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if GLOBAL_BATCH is None:
        batch, steps = batch or 8, 1
    else:
        share = GLOBAL_BATCH // processes
        batch = batch or max(rows for rows in range(1, 9) if share % rows == 0)
        steps = GLOBAL_BATCH // max(1, batch * processes)
        if batch * processes * steps != GLOBAL_BATCH:
            sys.exit(f"{processes} processes × {batch} rows do not divide {GLOBAL_BATCH}")
    if processes > 1 and ROWS % (batch * processes):
        # accelerate would fill the last batch up with the first rows (even_batches).
        sys.exit(
            f"{ROWS} rows do not divide into batches of {batch} on {processes} processes: rows "
            "would be trained twice; export again with --global-batch and --tail cut"
        )
    return batch, steps
'''


_ENDING = """\
            # Yours to choose:
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=steps,
            learning_rate=given.learning_rate,
            use_cpu=not torch.accelerator.is_available(),
            bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
            report_to="none",
        ),
    )
    # ON_ERROR says what a row out of order does: "stop" the training, or "warn" once. Afterwards:
    # tma-prep verify WORK --name NAME --consumed FOLDER/consumed
    attach(trainer, given.shards, log=given.output / "consumed", on_error=ON_ERROR)
    trainer.train(resume_from_checkpoint=given.resume)
    trainer.save_model(str(given.output))
"""

_START = """\
if __name__ == "__main__":
    try:
        main()
    except TmaPrepError as error:
        sys.exit(str(error))
"""


def script(
    handoff: Handoff,
    *,
    title: str,
    read_at: str,
    traps: Sequence[str],
    imports: str,
    options: str,
    constants: Mapping[str, object],
    body: str,
) -> str:
    """A script that trains on the exported rows.

    Args:
        handoff: What is exported.
        title: The trainer.
        read_at: Its version.
        traps: What loses the order all the same.
        imports: The lines that import its libraries.
        options: Lines that add options of its own to the command line.
        constants: Its own, after those that every script has.
        body: Its functions, `main` the last, in which @ENDING@ stands for what comes from the
            arguments on that do not matter to the order.
    """
    about = (
        f"Written by tma-prep export: {title} on the rows beside this file, in the order "
        f"{handoff.order}. Settings were read and run at {read_at}."
    )
    every: dict[str, object] = {
        "ROWS": handoff.rows,
        "GLOBAL_BATCH": handoff.global_batch,
        "EPOCHS": handoff.epochs,
        "SHARDS": str(handoff.shards),
        # Several epochs were asked for and told; all but the first would be out of order.
        "ON_ERROR": "stop" if handoff.epochs == 1 else "warn",
    }
    values = "".join(f"{name} = {value!r}\n" for name, value in {**every, **constants}.items())
    parts = [
        notes(about, handoff.warnings, traps),
        f'''\
"""Fine-tune: python {SCRIPT} --model MODEL --output FOLDER, or torchrun {SCRIPT} with the same."""

import argparse
import os
import sys
from pathlib import Path

{imports}
DATA = Path(__file__).resolve().parent / {handoff.data!r}
{values}''',
        _COMMAND_LINE.replace("@OPTIONS@", textwrap.indent(options, "    ")),
        body.replace("@ENDING@", _ENDING),
        _START,
    ]
    return "\n\n".join(parts)
