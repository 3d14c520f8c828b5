"""Wrapping of functions in a context manager; each stays what it is: plain, coroutine, generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def wrap(function: F, block: Callable[[], AbstractContextManager[object]]) -> F:
    """Return `function` with a block of its own, from `block()`, around each call.

    A generator's block lasts from its first step to its last. What is sent or thrown into it, and
    what it returns, passes through.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with block():
                return await function(*args, **kwargs)

        return cast("F", coroutine)
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*args: Any, **kwargs: Any) -> Any:
            with block():
                async with aclosing(function(*args, **kwargs)) as steps:
                    sent, thrown = None, None
                    while True:
                        try:
                            step = await (steps.athrow(thrown) if thrown else steps.asend(sent))
                        except StopAsyncIteration:
                            return
                        sent, thrown = None, None
                        try:
                            sent = yield step
                        except GeneratorExit:
                            raise
                        except BaseException as error:  # noqa: BLE001 - the generator's to judge
                            thrown = error

        return cast("F", stream)
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            with block():
                return (yield from function(*args, **kwargs))

        return cast("F", generator)

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return cast("F", plain)
