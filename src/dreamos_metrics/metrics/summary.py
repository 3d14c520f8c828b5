"""Summary: count and sum of sizes or durations."""

from __future__ import annotations

import time
from collections.abc import Mapping

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import Series, ensure_allocated
from dreamos_metrics.metrics.labelled import Labelled
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.storage import Segment
from dreamos_metrics.metrics.timing import Timer


class SummarySeries(Series):
    """One series of a summary; what `Summary.labels` returns."""

    __slots__ = ()

    def observe(self, amount: float) -> None:
        """Count one observation (finite), or an error `wrong_value`. Never raises."""
        try:
            if (type(amount) is float or type(amount) is int) and -1e300 < amount < 1e300:
                segment, slot = self._segment, self._slot
                segment[slot] += 1.0
                segment[slot + 1] += amount
                return
        except Exception:  # noqa: BLE001, S110 - the slow path finds out what it was
            pass
        self._observe_checked(amount)

    def _observe_checked(self, amount: float) -> None:
        try:
            amount = float(amount)
            if not -1e300 < amount < 1e300:
                record_error(
                    "wrong_value",
                    f"{self._family.describe()}: cannot observe {amount}",
                    about=self._family.name,
                )
            elif ensure_allocated(self):
                SummarySeries.observe(self, amount)
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
        read = self._shown()
        return read[0] if read else 0.0

    @property
    def sum(self) -> float:
        """The sum of the observations of this process."""
        read = self._shown()
        return read[1] if read else 0.0

    def _attach(self, segment: Segment, slot: int) -> None:
        segment[slot + 2] = time.time()
        super()._attach(segment, slot)


class Summary(SummarySeries, Labelled[SummarySeries]):
    """Count and sum of observations: the mean, at the least cost. For quantiles use `Histogram`.

    Arguments and errors are those of `Labelled`.
    """

    __slots__ = ("_by_name", "_children", "_label_count", "_label_getter")

    _kind = "summary"
    _series_type = SummarySeries

    @tolerant
    def observe(self, amount: float, tags: Mapping[str, object] | None = None) -> None:
        """Count one observation, in the series with the label values in `tags`. Never raises."""
        if tags is None:
            SummarySeries.observe(self, amount)
        else:
            self._tagged(tags).observe(amount)

    def time(self, tags: Mapping[str, object] | None = None) -> Timer:
        """Return a context manager and decorator that observes the duration in seconds."""
        series = self if tags is None else self._tagged(tags)
        return Timer(series, series.observe)
