"""Where threads really run at the same time, every addition takes a lock.

With CPython's global interpreter lock a thread is only interrupted between certain instructions, and
``cells[slot] += amount`` has none of them inside: it is exact without a lock, and half as expensive. A free-threaded
build, or another interpreter, gives no such promise. So it is chosen once, at import. ``DREAMOS_METRICS_LOCK=1``
asks for the lock anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from dreamos.core.metrics._counter import _ONE, Counter, CounterSeries
from dreamos.core.metrics._family import REGISTRY, Series
from dreamos.core.metrics._gauge import GaugeSeries
from dreamos.core.metrics._histogram import HistogramSeries
from dreamos.core.metrics._summary import SummarySeries

_Method = Callable[..., Any]
_Texts = Mapping[str, str] | None


# One wrapper for each way of calling: passing on whatever comes would cost twice as much as the lock.


def _read(plain: _Method) -> _Method:
    def read(self: Any) -> Any:
        with REGISTRY.lock:
            return plain(self)

    return read


def _inc(plain: _Method) -> _Method:
    def inc(self: Any, amount: float = _ONE, exemplar: _Texts = None) -> None:
        with REGISTRY.lock:
            plain(self, amount, exemplar)

    return inc


def _inc_tagged(plain: _Method) -> _Method:
    def inc(
        self: Any,
        amount: float = _ONE,
        exemplar: _Texts = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        with REGISTRY.lock:
            plain(self, amount, exemplar, tags)

    return inc


def _observe(plain: _Method) -> _Method:
    def observe(self: Any, amount: float, exemplar: _Texts = None) -> None:
        with REGISTRY.lock:
            plain(self, amount, exemplar)

    return observe


def _sum_up(plain: _Method) -> _Method:
    def observe(self: Any, amount: float) -> None:
        with REGISTRY.lock:
            plain(self, amount)

    return observe


def _set(plain: _Method) -> _Method:
    def set_(self: Any, value: float) -> None:
        with REGISTRY.lock:
            plain(self, value)

    return set_


def _step(plain: _Method) -> _Method:
    def step(self: Any, amount: float = 1) -> None:
        with REGISTRY.lock:
            plain(self, amount)

    return step


_ADDITIONS: tuple[tuple[type[Any], str, Callable[[_Method], _Method]], ...] = (
    (Series, "_read", _read),
    (CounterSeries, "inc", _inc),
    (Counter, "inc", _inc_tagged),
    (GaugeSeries, "set", _set),
    (GaugeSeries, "inc", _step),
    (GaugeSeries, "dec", _step),
    (HistogramSeries, "observe", _observe),
    (SummarySeries, "observe", _sum_up),
)


def lock_is_needed() -> bool:
    """Whether this interpreter may run two additions at the same time."""
    if os.environ.get("DREAMOS_METRICS_LOCK") == "1":
        return True
    return sys.implementation.name != "cpython" or "free-threading" in sys.version


def lock_additions() -> None:
    """Put the lock around every addition, for the rest of the process."""
    if REGISTRY.locked:
        return
    REGISTRY.locked = True
    REGISTRY.renew_lock()
    for cls, name, wrapper in _ADDITIONS:
        plain = cls.__dict__[name]
        locked = wrapper(plain)
        locked.__name__, locked.__doc__ = name, plain.__doc__
        setattr(cls, name, locked)


if lock_is_needed():
    lock_additions()
