"""Counter: a count of events, which only rises."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NoReturn

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.exemplars import keep_exemplar
from dreamos_metrics.metrics.family import Series, ensure_allocated
from dreamos_metrics.metrics.labelled import Labelled
from dreamos_metrics.metrics.misuse import record_misuse
from dreamos_metrics.metrics.storage import Segment
from dreamos_metrics.metrics.timing import ExceptionCounter

#: The default amount. Asking whether an amount is this very object is the fastest check there is.
_DEFAULT_AMOUNT = 1

_Exceptions = type[BaseException] | tuple[type[BaseException], ...]


class CounterSeries(Series):
    """One series of a counter; what `Counter.labels` returns."""

    __slots__ = ()

    def inc(
        self, amount: float = _DEFAULT_AMOUNT, exemplar: Mapping[str, str] | None = None
    ) -> None:
        """Add `amount` (default 1, finite, not negative). `exemplar` is a small mapping, e.g. a
        trace id.

        Anything else is counted (reason `wrong_value`) and changes nothing. Never raises, never
        blocks.
        """
        try:
            if exemplar is None:
                if amount is _DEFAULT_AMOUNT:
                    self._segment[self._slot] += 1.0
                    return
                # No other type: adding a numpy.float32 would give one, and drop digits of the sum.
                if (type(amount) is float or type(amount) is int) and 0.0 <= amount < 1e300:
                    self._segment[self._slot] += amount
                    return
        except Exception:  # noqa: BLE001, S110 - the slow path finds out what it was
            pass
        self._inc_checked(amount, exemplar)

    def _inc_checked(self, amount: float, exemplar: Mapping[str, str] | None) -> None:
        try:
            amount = float(amount)
            if not 0 <= amount < 1e300:
                record_error(
                    "wrong_value",
                    f"{self._family.describe()}: a counter cannot grow by {amount}",
                    about=self._family.name,
                )
                return
            if not ensure_allocated(self):
                return
            self._segment[self._slot] += amount
            if exemplar is not None:
                keep_exemplar(self, 0, exemplar, amount)
        except Exception as error:  # noqa: BLE001 - recording never raises
            record_error(
                "wrong_value", f"{self._family.describe()}: {error}", about=self._family.name
            )

    def count_exceptions(self, exception: _Exceptions = Exception) -> ExceptionCounter:
        """Return a context manager and decorator that counts exceptions; they go on upwards."""
        return ExceptionCounter(self, exception)

    @property
    def value(self) -> float:
        """What was counted in this process (read for tests and for a look; 0 when nothing was)."""
        read = self._shown()
        return read[0] if read else 0.0

    def reset(self) -> None:
        """Let this process show zero again; the total of the agent, which never falls, goes on."""
        self._family.reset(self)

    def _attach(self, segment: Segment, slot: int) -> None:
        segment[slot + 1] = time.time()
        super()._attach(segment, slot)


class Counter(CounterSeries, Labelled[CounterSeries]):
    """A count of events since the process began: requests, errors, bytes.

    It only rises. For something that can also fall, use `Gauge`; for the distribution of sizes or
    durations, use `Histogram`. Declaring the same counter again returns the first.

    Arguments and errors are those of `Labelled`.
    """

    __slots__ = ("_by_name", "_children", "_label_count", "_label_getter")

    _kind = "counter"
    _series_type = CounterSeries

    def inc(
        self,
        amount: float = _DEFAULT_AMOUNT,
        exemplar: Mapping[str, str] | None = None,
        tags: Mapping[str, object] | None = None,
        **wrong: NoReturn,
    ) -> None:
        """Add `amount`, to the series with the label values in `tags` when the counter has labels.

        Never raises, never blocks: a wrong amount or wrong labels are counted in
        `dreamos_client_errors_total` and logged once.
        """
        try:
            if wrong:
                record_misuse(self, "inc", wrong)
                return
            if exemplar is None:
                if tags is not None:
                    if len(tags) == self._label_count and (
                        amount is _DEFAULT_AMOUNT
                        or (
                            (type(amount) is float or type(amount) is int) and 0.0 <= amount < 1e300
                        )
                    ):
                        getter = self._label_getter
                        child = self._by_name[getter(tags)]
                        child._segment[child._slot] += amount
                        return
                elif amount is _DEFAULT_AMOUNT:
                    self._segment[self._slot] += 1.0
                    return
                elif (type(amount) is float or type(amount) is int) and 0.0 <= amount < 1e300:
                    self._segment[self._slot] += amount
                    return
        except Exception:  # noqa: BLE001, S110 - the slow path finds out what it was
            pass
        (self if tags is None else self._tagged(tags))._inc_checked(amount, exemplar)


class _UnlabelledCounter(Counter):
    """A counter without labels: most calls of it are `inc()`, and that one is as short as can be."""

    __slots__ = ()

    def inc(
        self,
        amount: float = _DEFAULT_AMOUNT,
        exemplar: Mapping[str, str] | None = None,
        tags: Mapping[str, object] | None = None,
        **wrong: NoReturn,
    ) -> None:
        try:
            # The two are the same only when neither is given.
            if amount is _DEFAULT_AMOUNT and exemplar is tags and not wrong:
                self._segment[self._slot] += 1.0
                return
        except Exception:  # noqa: BLE001, S110 - the slow path finds out what it was
            pass
        Counter.inc(self, amount, exemplar, tags, **wrong)


Counter._unlabelled = _UnlabelledCounter
