"""Span: a measured block or call, as a context manager and a decorator, sync and async."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from dreamos_metrics.metrics.errors import record_error

_F = TypeVar("_F", bound=Callable[..., Any])
_S = TypeVar("_S", bound="Span")


class SpanRecorder(Protocol):
    """What a kind of span does with its beginning and its end."""

    def begin(self, span: Span) -> None:
        """Count the beginning of `span`."""

    def end(self, span: Span, seconds: float, error: object) -> None:
        """Count its end; `error` is None, an exception, or a name given to `Span.fail`."""


class Span:
    """Measures one run of a block or of a function.

        with agent.task("build"):          # also: async with
            ...

        @agent.task("build")               # also on `async def`
        def build(): ...

    An exception counts as a failure and passes through unchanged. In a child that was forked inside
    the block nothing is counted: the block belongs to the parent.
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
        if isinstance(error, GeneratorExit):
            error = None  # whoever read a stream had enough of it: that is no failure
        try:
            self._recorder.end(self, seconds, error if error is not None else self._failure)
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
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._recreate():
                    return await function(*args, **kwargs)

            return cast(_F, coroutine)
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def stream(*args: Any, **kwargs: Any) -> Any:
                with self._recreate():
                    async with aclosing(function(*args, **kwargs)) as steps:
                        async for step in steps:
                            yield step

            return cast(_F, stream)
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                with self._recreate():
                    return (yield from function(*args, **kwargs))

            return cast(_F, generator)

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with self._recreate():
                return function(*args, **kwargs)

        return cast(_F, plain)
