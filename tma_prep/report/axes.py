"""Axes of a chart: where values lie on the drawing, and round numbers beside them."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """Where the plot lies on the drawing, and which numbers its edges stand for."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float = 0.0
    y_high: float = 1.0

    @property
    def end(self) -> float:
        """The plot's right edge."""
        return self.width - self.right

    @property
    def floor(self) -> float:
        """The plot's lower edge."""
        return self.height - self.bottom

    def x(self, value: float) -> float:
        """Where a value lies across."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return round(self.left + share * (self.end - self.left), 2)

    def y(self, value: float) -> float:
        """Where a value lies from the top."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return round(self.floor - share * (self.floor - self.top), 2)


def widened(values: Sequence[float], share: float = 0.04) -> tuple[float, float]:
    """Least and greatest, with a margin; where both are one, it lies in the middle."""
    low, high = min(values), max(values)
    margin = share * (high - low) or 0.5
    return low - margin, high + margin


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of the smallest 1, 2 or 5 times a power of ten that gives few enough.

    Args:
        low: Least value of the axis.
        high: Greatest value of the axis, above `low`.
        most: No more than this many, at least 2.
    """
    slack = 1e-9  # keeps 0.30000000000000004 from counting as more than 0.3
    power = math.floor(math.log10((high - low) / most))
    for place in itertools.count(3 * power):
        step = (1, 2, 5)[place % 3] * 10.0 ** (place // 3)
        first, last = math.ceil(low / step - slack), math.floor(high / step + slack)
        if last - first < most:
            break
    digits = max(0, -math.floor(math.log10(step) + slack))
    return [round(tick * step, digits) for tick in range(first, last + 1)]


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """All with as many decimals as the one that needs most."""
    decimals = max((len(f"{tick:.10g}".partition(".")[2]) for tick in ticks), default=0)
    return [f"{tick:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks]


def x_axis(frame: Frame, ticks: Sequence[float], *, through: bool = False) -> list[str]:
    """The lower edge with ticks and numbers below; with `through`, lines up to the top."""
    floor = frame.floor
    parts = [
        f'<line class="grid" x1="{frame.left:g}" y1="{floor:g}" x2="{frame.end:g}" y2="{floor:g}"/>'
    ]
    top = frame.top if through else floor
    for value, text in zip(ticks, tick_texts(ticks), strict=True):
        x = frame.x(value)
        parts.append(f'<line class="grid" x1="{x}" y1="{top:g}" x2="{x}" y2="{floor + 5:g}"/>')
        parts.append(
            f'<text x="{x}" y="{floor + 8:g}" dy=".8em" text-anchor="middle">{text}</text>'
        )
    return parts


def y_axis(frame: Frame, ticks: Sequence[float]) -> list[str]:
    """Lines across with numbers to their left."""
    parts = []
    for value, text in zip(ticks, tick_texts(ticks), strict=True):
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{frame.left:g}" y1="{y}" x2="{frame.end:g}" y2="{y}"/>'
        )
        parts.append(
            f'<text x="{frame.left - 8:g}" y="{y}" dy=".35em" text-anchor="end">{text}</text>'
        )
    return parts
