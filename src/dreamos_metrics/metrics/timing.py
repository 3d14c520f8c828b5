"""Timers, in-progress gauges and exception counters: context managers and decorators."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar

from dreamos_metrics.metrics.wrapping import wrap

F = TypeVar("F", bound=Callable[..., Any])


class _ContextDecorator:
    """Something that can stand around a block or a function, also an `async` one or a generator."""

    __slots__ = ()

    def __enter__(self) -> object:
        """Begin the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block; exceptions go on upwards."""

    def _recreate(self) -> _ContextDecorator:
        """Return the context manager for one call; decorated functions run at the same time."""
        return self

    def __call__(self, function: F) -> F:
        """Decorate `function`, which stays what it is: plain, coroutine, generator."""
        return wrap(function, self._recreate)


class Timer(_ContextDecorator):
    """Measure how long a block or a function takes, in seconds, and hand it to a metric."""

    __slots__ = ("_metric", "_record", "_start", "elapsed")

    #: Seconds that the block took; there is no such attribute before it ends.
    elapsed: float

    def __init__(self, metric: Any, record: Callable[[float], None]) -> None:
        self._metric = metric
        self._record = record

    def _recreate(self) -> Timer:
        return Timer(self._metric, self._record)

    def labels(self, *values: object, **named: object) -> None:
        """Set the label values inside the block, when they are only known there."""
        self._metric = self._metric.labels(*values, **named)
        self._record = getattr(self._metric, self._record.__name__)

    def __enter__(self) -> Timer:
        self._start = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.elapsed = elapsed = perf_counter() - self._start
        self._record(elapsed)


class InProgress(_ContextDecorator):
    """Raise a gauge while a block or a function runs."""

    __slots__ = ("_gauge",)

    def __init__(self, gauge: Any) -> None:
        self._gauge = gauge

    def __enter__(self) -> InProgress:
        self._gauge.inc()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gauge.dec()


class ExceptionCounter(_ContextDecorator):
    """Count the exceptions that leave a block or a function; they go on upwards."""

    __slots__ = ("_counter", "_kinds")

    def __init__(
        self, counter: Any, kinds: type[BaseException] | tuple[type[BaseException], ...]
    ) -> None:
        self._counter = counter
        self._kinds = kinds

    def __enter__(self) -> ExceptionCounter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and isinstance(error, self._kinds):
            self._counter.inc()
