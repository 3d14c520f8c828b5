"""Span: a measured block or call, as a context manager and a decorator, sync and async."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.wrapping import wrap

_F = TypeVar("_F", bound=Callable[..., Any])
_S = TypeVar("_S", bound="Span")


class _Cancelled:
    """How a block ended that was stopped from outside; neither well nor by a fault of its own."""

    def __repr__(self) -> str:
        return "CANCELLED"


CANCELLED = _Cancelled()


class SpanRecorder(Protocol):
    """What a kind of span does with its beginning and its end."""

    def begin(self, span: Span) -> None:
        """Count the beginning of `span`."""

    def end(self, span: Span, seconds: float, error: object) -> None:
        """Count its end.

        `error` is None when it ended well, `CANCELLED` when it was stopped from outside, else the
        exception or the name given to `Span.fail`.
        """


class Span:
    """Measures one run of a block or of a function.

        with agent.task("build"):          # also: async with
            ...

        @agent.task("build")               # also on `async def`
        def build(): ...

    An exception counts as a failure and passes through unchanged. A task that is cancelled, or
    stopped by Ctrl-C, has not failed, and `sys.exit(0)` ends well. In a child that was forked
    inside the block nothing is counted: the block belongs to the parent.
    """

    def __init__(self, recorder: SpanRecorder) -> None:
        self._recorder = recorder
        self._start = 0.0
        self._process = 0
        self._failure: object = None

    def fail(self, error: object = "Failed") -> None:
        """Say that it failed although no exception leaves the block.

        `error` is the exception that was handled, or a name in the manner of a class.
        """
        self._failure = error

    def __enter__(self: _S) -> _S:
        self._process = os.getpid()
        self._failure = None
        try:
            self._recorder.begin(self)
        except Exception as wrong:  # noqa: BLE001 - the agent's work goes on, whatever we are given
            record_error("span", type(wrong).__name__)
        self._start = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = time.perf_counter() - self._start
        if os.getpid() != self._process:
            return
        try:
            ending = _ending(error)
            if ending in (None, CANCELLED) and self._failure is not None:
                ending = self._failure
            self._recorder.end(self, seconds, ending)
        except Exception as wrong:  # noqa: BLE001 - as above
            record_error("span", type(wrong).__name__)

    async def __aenter__(self: _S) -> _S:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _recreate(self) -> Span:
        # One decorated function runs many times at once: each run is a span of its own.
        return type(self)(self._recorder)

    def __call__(self, function: _F) -> _F:
        """Measure every call of `function`, which stays what it is: plain, coroutine, generator.

        A generator is measured from its first step to its last.
        """
        return wrap(function, self._recreate)


def _ending(error: BaseException | None) -> object:
    """Return how a block ended that this exception left."""
    if error is None or isinstance(error, Exception):
        return error
    if isinstance(error, GeneratorExit):
        return None  # whoever read a stream had enough of it
    if isinstance(error, SystemExit):
        return None if error.code in (None, 0) else error
    # asyncio.CancelledError, KeyboardInterrupt, trio.Cancelled, gevent.GreenletExit, ...: Python
    # keeps what stops a program from outside apart from `Exception` for this very reason. A group
    # of exceptions may hold both.
    inner = [_ending(each) for each in getattr(error, "exceptions", ())]
    return CANCELLED if all(each in (None, CANCELLED) for each in inner) else error


def outcome(ending: object) -> str:
    """Return the label `outcome` of a span's ending."""
    return "success" if ending is None else "cancelled" if ending is CANCELLED else "error"
