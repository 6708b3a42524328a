"""Made-up curves: what a check leaves, with known effects planted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tma_prep.checks.curves import curves_table
from tma_prep.checks.data import Example, ScoredTest
from tma_prep.checks.orders import PlannedRun
from tma_prep.checks.tasks import Evaluations
from tma_prep_schemas import Control

STEPS = (0, 2, 4, 8, 12, 20, 30, 40)


@dataclass(frozen=True)
class MadeUp:
    """How to make curves up.

    Attributes:
        effects: By control and order: what is added to the loss at the end of the fall.
        seeds: How many.
        tasks: How many; 0 for tests that name none.
        tests_a_task: Of each, or as many tests in all where they name none.
        steps: Where the loss is taken.
        noise: Standard deviation of what an order adds or takes, alike for all tests of a seed.
        task_noise: The same a task, test_noise a test.
        names: Task names in place of made-up ones.
    """

    effects: Mapping[tuple[Control, str], float]
    seeds: int = 3
    tasks: int = 6
    tests_a_task: int = 5
    steps: Sequence[int] = STEPS
    noise: float = 0.02
    task_noise: float = 0.02
    test_noise: float = 0.05
    names: Sequence[str] = field(default_factory=tuple)

    def tests(self) -> list[ScoredTest]:
        """Tests of unlike lengths, tasks in turn."""
        named = max(1, self.tasks)
        rows = range(named * self.tests_a_task)
        return [
            ScoredTest(row, self._task(row % named), Example([1] * (3 + row % 5), 1))
            for row in rows
        ]

    def _task(self, task: int) -> str | None:
        if not self.tasks:
            return None
        return self.names[task] if task < len(self.names) else f"task {task}"

    def curves(self, seed: int = 0) -> pa.Table:
        """The table, a function of the seed."""
        random = np.random.default_rng(seed)
        tests = self.tests()
        task = np.arange(len(tests)) % max(1, self.tasks)
        step = np.array(self.steps)
        level = 5.5 + random.normal(0, 0.6, task.max() + 1)[task]
        level = level + random.normal(0, 0.3, len(tests))
        speed = random.uniform(5, 25, task.max() + 1)[task]
        runs = []
        for run_seed in range(self.seeds):
            start = level + random.normal(0, 0.05)
            for (control, order), effect in self.effects.items():
                drift = (
                    effect
                    + random.normal(0, self.noise)
                    + random.normal(0, self.task_noise, task.max() + 1)[task]
                    + random.normal(0, self.test_noise, len(tests))
                )
                came = 1 - np.exp(-step[:, None] / speed)
                losses = start + came * (drift - 1.5)
                tokens = step * (40 if order != "fft" else 30)
                run = PlannedRun(control, order, run_seed, np.arange(step[-1] * 16), None)
                found = Evaluations(step, step * 16, tokens, losses, 1)
                runs.append((run, found, self._seen(step, speed, effect)))
        return curves_table(runs, tests)

    def _seen(self, step: np.ndarray, speed: np.ndarray, effect: float) -> np.ndarray:
        near = 0.75 - 0.5 * np.tanh(effect)
        came = (1 - np.exp(-step[:, None] / speed)).astype(np.float32)
        maximum = (near * (0.4 + 0.6 * came)).astype(np.float32)
        maximum[0] = np.nan
        return np.stack([maximum, maximum * np.float32(0.3), maximum * np.float32(0.6)])
