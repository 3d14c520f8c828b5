"""Where threads really run at the same time, every addition takes a lock.

With CPython's global interpreter lock a thread is only interrupted between certain instructions, and
``cells[slot] += amount`` has none of them inside: it is exact without a lock, and half as expensive. A free-threaded
build, or another interpreter, gives no such promise. So it is chosen once, at import. ``DREAMOS_METRICS_LOCK=1``
asks for the lock anywhere.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from dreamos.core.metrics._counter import Counter, CounterSeries
from dreamos.core.metrics._family import REGISTRY, Series
from dreamos.core.metrics._gauge import GaugeSeries
from dreamos.core.metrics._histogram import HistogramSeries
from dreamos.core.metrics._summary import SummarySeries

F = TypeVar("F", bound=Callable[..., Any])

_ADDITIONS: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (Series, ("_read",)),
    (CounterSeries, ("inc",)),
    (Counter, ("inc",)),
    (GaugeSeries, ("set", "inc", "dec")),
    (HistogramSeries, ("observe",)),
    (SummarySeries, ("observe",)),
)


def lock_is_needed() -> bool:
    """Whether this interpreter may run two additions at the same time."""
    if os.environ.get("DREAMOS_METRICS_LOCK") == "1":
        return True
    return sys.implementation.name != "cpython" or "free-threading" in sys.version


def _locked(function: F) -> F:
    @functools.wraps(function)
    def with_lock(*args: Any, **kwargs: Any) -> Any:
        with REGISTRY.lock:
            return function(*args, **kwargs)

    return cast("F", with_lock)


def lock_additions() -> None:
    """Put the lock around every addition, for the rest of the process."""
    if REGISTRY.locked:
        return
    REGISTRY.locked = True
    REGISTRY.renew_lock()
    for cls, names in _ADDITIONS:
        for name in names:
            setattr(cls, name, _locked(getattr(cls, name)))


if lock_is_needed():
    lock_additions()
