"""Gauge: a figure that rises and falls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY, Series, ensure_allocated
from dreamos_metrics.metrics.labelled import Labelled
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.prometheus_registry import DEFAULT_REGISTRY
from dreamos_metrics.metrics.timing import InProgress, Timer

if TYPE_CHECKING:
    from typing_extensions import Self

MultiprocessMode = Literal[
    "sum", "max", "min", "mostrecent",
    "livesum", "livemax", "livemin", "livemostrecent", "all", "liveall",
]  # fmt: skip

#: How the gauges of an agent's live processes become one. A dead process' gauges vanish, so
#: prometheus_client's `live` spellings mean the same; its `all` (one series per process) becomes
#: the sum.
_AGGREGATE_OF_MODE = {
    "sum": "sum", "max": "max", "min": "min", "mostrecent": "mostrecent",
    "livesum": "sum", "livemax": "max", "livemin": "min", "livemostrecent": "mostrecent",
    "all": "sum", "liveall": "sum",
}  # fmt: skip


class GaugeSeries(Series):
    """One series of a gauge; what `Gauge.labels` returns."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Set the gauge. Anything but a number is counted (reason `wrong_value`). Never raises."""
        try:
            self._segment[self._slot] = value
        except Exception:  # noqa: BLE001 - no slots yet, or not a number
            self._update_checked(value, replace=True)

    def inc(self, amount: float = 1) -> None:
        """Raise the gauge by `amount`. Never raises."""
        try:
            if type(amount) is float or type(amount) is int:
                self._segment[self._slot] += amount
                return
        except Exception:  # noqa: BLE001, S110 - no slots yet: the slow path gives it some
            pass
        self._update_checked(amount, replace=False)

    def dec(self, amount: float = 1) -> None:
        """Lower the gauge by `amount`. Never raises."""
        try:
            if type(amount) is float or type(amount) is int:
                self._segment[self._slot] -= amount
                return
        except Exception:  # noqa: BLE001, S110 - no slots yet: the slow path gives it some
            pass
        self._update_checked(amount, replace=False, sign=-1.0)

    def _update_checked(self, value: float, *, replace: bool, sign: float = 1.0) -> None:
        try:
            value = sign * float(value)
            if ensure_allocated(self):
                if replace:
                    self._segment[self._slot] = value
                else:
                    self._segment[self._slot] += value
        except Exception as error:  # noqa: BLE001 - recording never raises
            record_error(
                "wrong_value", f"{self._family.describe()}: {error}", about=self._family.name
            )

    def set_to_current_time(self) -> None:
        """Set the gauge to now, in seconds since 1970."""
        self.set(time.time())

    def set_function(self, function: Callable[[], float]) -> None:
        """Ask `function` for the value whenever a snapshot is taken.

        It runs in the pushing thread. While it raises, the series is left out and the error counted
        (reason `gauge_function`).
        """
        if ensure_allocated(self):
            with REGISTRY.lock:
                self._family.functions[self] = function
                REGISTRY.generation += 1

    def track_inprogress(self) -> InProgress:
        """Return a context manager and decorator that raises the gauge while the block runs."""
        return InProgress(self)

    def time(self) -> Timer:
        """Return a context manager and decorator that sets the gauge to the duration in seconds."""
        return Timer(self, self.set)

    @property
    def value(self) -> float:
        """The value in this process (0 when it was never set)."""
        read = self._read()
        return read[0] if read else 0.0


class Gauge(GaugeSeries, Labelled[GaugeSeries]):
    """A figure that rises and falls: a queue's length, a temperature, work in progress.

    Arguments are those of `Labelled`, and:
        multiprocess_mode: how several live processes of one agent are shown as one: `"sum"`
            (default), `"max"`, `"min"` or `"mostrecent"`. prometheus_client's other spellings are
            understood.

    Raises:
        ValueError: at declaration only: a bad name or mode, or the name is taken by something else.
    """

    __slots__ = ("_by_name", "_children", "_label_count", "_label_getter")

    _kind = "gauge"
    _series_type = GaugeSeries

    def __new__(
        cls,
        name: str,
        documentation: str | Iterable[str] = "",
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Any = DEFAULT_REGISTRY,
        multiprocess_mode: MultiprocessMode = "sum",
    ) -> Self:
        """Return the gauge of this name."""
        aggregate = _AGGREGATE_OF_MODE.get(multiprocess_mode)
        if aggregate is None:
            modes = ", ".join(_AGGREGATE_OF_MODE)
            raise ValueError(f"multiprocess_mode {multiprocess_mode!r}: use one of {modes}")
        return cls._declare(
            name,
            documentation,
            labelnames,
            namespace,
            subsystem,
            unit,
            registry,
            aggregate=aggregate,
        )

    @tolerant
    def set(self, value: float, tags: Mapping[str, object] | None = None) -> None:
        """Set the gauge, or its series with the label values in `tags`. Never raises."""
        if tags is None:
            GaugeSeries.set(self, value)
        else:
            self._tagged(tags).set(value)

    @tolerant
    def inc(self, amount: float = 1, tags: Mapping[str, object] | None = None) -> None:
        """Raise the gauge, or its series with the label values in `tags`. Never raises."""
        if tags is None:
            GaugeSeries.inc(self, amount)
        else:
            self._tagged(tags).inc(amount)

    @tolerant
    def dec(self, amount: float = 1, tags: Mapping[str, object] | None = None) -> None:
        """Lower the gauge, or its series with the label values in `tags`. Never raises."""
        if tags is None:
            GaugeSeries.dec(self, amount)
        else:
            self._tagged(tags).dec(amount)
