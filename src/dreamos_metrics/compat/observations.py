"""Observations of an old histogram, and their summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dreamos_metrics.instrumentation.capped_label import is_number


class Observations(list[float]):
    """The last 1000 values of a histogram, and the summary of all that there ever were."""

    MAX_KEPT_VALUES = 1000

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._sum = 0.0
        self._min = math.inf
        self._max = -math.inf

    def add(self, value: float) -> None:
        """Add one value."""
        self.append(value)
        if len(self) > self.MAX_KEPT_VALUES:
            del self[0]
        self._count += 1
        self._sum += value
        self._min = min(self._min, value)
        self._max = max(self._max, value)

    @classmethod
    def of_summary(cls, summary: Mapping[str, object]) -> Observations:
        """Return what has this summary; the single values are not known."""
        made = cls()
        count, total = summary.get("count"), summary.get("sum")
        low, high = summary.get("min"), summary.get("max")
        if is_number(count) and is_number(total) and is_number(low) and is_number(high):
            made._count, made._sum, made._min, made._max = int(count), total, low, high
        return made

    def summary(self) -> dict[str, float]:
        """Return count, sum, min, max and avg."""
        return _summary(self._count, self._sum, self._min, self._max)


def summary_of(values: Sequence[float]) -> dict[str, float]:
    """Return count, sum, min, max and avg of values, of which there must be one."""
    return _summary(len(values), sum(values), min(values), max(values))


def _summary(count: int, total: float, low: float, high: float) -> dict[str, float]:
    if not count:
        return {"count": 0, "sum": 0.0, "min": 0.0, "max": 0.0, "avg": 0.0}
    return {"count": count, "sum": total, "min": low, "max": high, "avg": total / count}
