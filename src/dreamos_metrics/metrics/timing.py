"""Timers, in-progress gauges and exception counters: context managers and decorators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class _ContextDecorator:
    """Something that can stand around a block or a function, also an `async` one."""

    __slots__ = ()

    def _recreate(self) -> Any:
        """Return the context manager for one call; decorated functions run at the same time."""
        return self

    def __call__(self, function: F) -> F:
        """Decorate `function`; a coroutine function stays one."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def around_async(*args: Any, **kwargs: Any) -> Any:
                with self._recreate():
                    return await function(*args, **kwargs)

            return cast("F", around_async)

        @functools.wraps(function)
        def around(*args: Any, **kwargs: Any) -> Any:
            with self._recreate():
                return function(*args, **kwargs)

        return cast("F", around)


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
