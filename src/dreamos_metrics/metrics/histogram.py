"""Histogram: a distribution of sizes or durations, in buckets."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.exemplars import keep_exemplar
from dreamos_metrics.metrics.family import Family, Series, ensure_allocated
from dreamos_metrics.metrics.labelled import Labelled
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.prometheus_registry import DEFAULT_REGISTRY
from dreamos_metrics.metrics.storage import Segment
from dreamos_metrics.metrics.timing import Timer

if TYPE_CHECKING:
    from typing_extensions import Self

#: The same as prometheus_client's, in seconds.
DEFAULT_BUCKETS: tuple[float, ...] = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, math.inf,
)  # fmt: skip


class HistogramSeries(Series):
    """One series of a histogram; what `Histogram.labels` returns.

    Its slots: the sum, one count for each bucket (not cumulative), the time when it began.
    """

    __slots__ = ("_search_bounds",)

    _search_bounds: tuple[float, ...]

    def observe(self, amount: float, exemplar: Mapping[str, str] | None = None) -> None:
        """Count one observation (finite), or an error `wrong_value`. Never raises."""
        try:
            # Of plain type (see `CounterSeries.inc`), and neither infinite nor NaN.
            if (
                exemplar is None
                and (type(amount) is float or type(amount) is int)
                and amount * 0.0 == 0.0
            ):
                index = bisect_left(self._search_bounds, amount)
                # No call from here on: nothing can come in between (see `storage`).
                segment, slot = self._segment, self._slot
                segment[slot] += amount
                segment[slot + index] += 1.0
                return
        except Exception:  # noqa: BLE001, S110 - the slow path finds out what it was
            pass
        self._observe_checked(amount, exemplar)

    def _observe_checked(self, amount: float, exemplar: Mapping[str, str] | None) -> None:
        try:
            amount = float(amount)
            if not math.isfinite(amount):
                record_error(
                    "wrong_value",
                    f"{self._family.describe()}: cannot observe {amount}",
                    about=self._family.name,
                )
                return
            if not ensure_allocated(self):
                return
            HistogramSeries.observe(self, amount)
            if exemplar is not None:
                keep_exemplar(self, bisect_left(self._family.bounds, amount), exemplar, amount)
        except Exception as error:  # noqa: BLE001 - recording never raises
            record_error(
                "wrong_value", f"{self._family.describe()}: {error}", about=self._family.name
            )

    def time(self) -> Timer:
        """Return a context manager and decorator that observes the duration in seconds."""
        return Timer(self, self.observe)

    @property
    def count(self) -> float:
        """How many observations this process made."""
        return sum(self._shown()[1:-1])

    @property
    def sum(self) -> float:
        """The sum of the observations of this process."""
        read = self._shown()
        return read[0] if read else 0.0

    def _bind(self, family: Family, values: tuple[str, ...]) -> None:
        super()._bind(family, values)
        self._search_bounds = family.search_bounds

    def _attach(self, segment: Segment, slot: int) -> None:
        segment[slot + self._family.slot_count - 1] = time.time()
        super()._attach(segment, slot)


def _checked_bounds(buckets: Iterable[float]) -> tuple[float, ...]:
    bounds = [float(bound) for bound in buckets]
    if bounds and bounds[-1] != math.inf:
        bounds.append(math.inf)
    if len(bounds) < 2 or any(not a < b for a, b in pairwise(bounds)):
        raise ValueError(f"buckets must be at least one number, rising, each once; got {bounds}")
    return tuple(bounds)


class Histogram(HistogramSeries, Labelled[HistogramSeries]):
    """A distribution in buckets: durations, sizes. Quantiles are worked out by Prometheus, over any
    set of agents.

    Arguments are those of `Labelled`, and:
        buckets: upper bounds, rising; infinity is added. Choose them around the values that matter.

    Raises:
        ValueError: at declaration only: a bad name or bucket, or the name is taken by something
            else.
    """

    __slots__ = ("_by_name", "_children", "_label_count", "_label_getter")

    DEFAULT_BUCKETS = DEFAULT_BUCKETS

    _kind = "histogram"
    _series_type = HistogramSeries

    def __new__(
        cls,
        name: str,
        documentation: str | Iterable[str] = "",
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Any = DEFAULT_REGISTRY,
        buckets: Sequence[float] = DEFAULT_BUCKETS,
    ) -> Self:
        """Return the histogram of this name."""
        return cls._declare(
            name,
            documentation,
            labelnames,
            namespace,
            subsystem,
            unit,
            registry,
            bounds=_checked_bounds(buckets),
        )

    @tolerant
    def observe(
        self,
        amount: float,
        exemplar: Mapping[str, str] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Count one observation, in the series with the label values in `tags`. Never raises."""
        if tags is None:
            HistogramSeries.observe(self, amount, exemplar)
        else:
            self._tagged(tags).observe(amount, exemplar)

    def time(self, tags: Mapping[str, object] | None = None) -> Timer:
        """Return a context manager and decorator that observes the duration in seconds."""
        series = self if tags is None else self._tagged(tags)
        return Timer(series, series.observe)
