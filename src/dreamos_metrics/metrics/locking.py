"""Lock around each addition, where threads really run at the same time.

With CPython's global interpreter lock a thread is only interrupted between certain instructions,
and `segment[slot] += amount` has none of them inside: it is exact without a lock, and half as
expensive. A free-threaded build, or another interpreter, gives no such promise. So it is chosen
once, at import. `DREAMOS_METRICS_LOCK=1` asks for the lock anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from dreamos_metrics.metrics.counter import (
    _DEFAULT_AMOUNT,
    Counter,
    CounterSeries,
    _UnlabelledCounter,
)
from dreamos_metrics.metrics.family import REGISTRY, Series
from dreamos_metrics.metrics.gauge import GaugeSeries
from dreamos_metrics.metrics.histogram import HistogramSeries
from dreamos_metrics.metrics.summary import SummarySeries

_Method = Callable[..., Any]
_Texts = Mapping[str, str] | None


# One wrapper for each way of calling: passing on whatever comes would cost twice as much as the
# lock.


def _read(plain: _Method) -> _Method:
    def read(self: Any) -> Any:
        with REGISTRY.lock:
            return plain(self)

    return read


def _inc(plain: _Method) -> _Method:
    def inc(self: Any, amount: float = _DEFAULT_AMOUNT, exemplar: _Texts = None) -> None:
        with REGISTRY.lock:
            plain(self, amount, exemplar)

    return inc


def _inc_tagged(plain: _Method) -> _Method:
    def inc(
        self: Any,
        amount: float = _DEFAULT_AMOUNT,
        exemplar: _Texts = None,
        tags: Mapping[str, object] | None = None,
        **wrong: Any,
    ) -> None:
        with REGISTRY.lock:
            plain(self, amount, exemplar, tags, **wrong)

    return inc


def _observe(plain: _Method) -> _Method:
    def observe(self: Any, amount: float, exemplar: _Texts = None) -> None:
        with REGISTRY.lock:
            plain(self, amount, exemplar)

    return observe


def _observe_plain(plain: _Method) -> _Method:
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


_RECORDING_METHODS: tuple[tuple[type[Any], str, Callable[[_Method], _Method]], ...] = (
    (Series, "_read", _read),
    (CounterSeries, "inc", _inc),
    (Counter, "inc", _inc_tagged),
    (_UnlabelledCounter, "inc", _inc_tagged),
    (GaugeSeries, "set", _set),
    (GaugeSeries, "inc", _step),
    (GaugeSeries, "dec", _step),
    (HistogramSeries, "observe", _observe),
    (SummarySeries, "observe", _observe_plain),
)


def lock_is_needed() -> bool:
    """Whether this interpreter may run two additions at the same time."""
    if os.environ.get("DREAMOS_METRICS_LOCK") == "1":
        return True
    return sys.implementation.name != "cpython" or "free-threading" in sys.version


def lock_additions() -> None:
    """Put the lock around every addition, for the rest of the process."""
    if REGISTRY.additions_locked:
        return
    REGISTRY.additions_locked = True
    REGISTRY.renew_lock()
    for cls, name, wrapper in _RECORDING_METHODS:
        plain = cls.__dict__[name]
        locked = wrapper(plain)
        locked.__name__, locked.__doc__ = name, plain.__doc__
        setattr(cls, name, locked)


def lock_additions_if_needed() -> None:
    """Put the lock around every addition where this interpreter needs it."""
    if lock_is_needed():
        lock_additions()
