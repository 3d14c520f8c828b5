"""Operations in flight, and which of them are past their deadline."""

from __future__ import annotations

import os
import threading
import time

from dreamos_metrics.instrumentation.capped_label import CappedLabel, is_number
from dreamos_metrics.instrumentation.spans import Span, outcome
from dreamos_metrics.metrics import snapshot_hooks
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import Histogram

BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 90, 120, 300, 600)

_flight = Gauge(
    "dreamos_agent_operations_in_flight", "Operations that have begun and not ended", ["operation"]
)
_overdue = Gauge(
    "dreamos_agent_operations_overdue",
    "Operations in flight that are past their deadline",
    ["operation"],
)
_seconds = Histogram(
    "dreamos_agent_operation_duration_seconds",
    "How long operations took",
    ["operation", "outcome"],
    buckets=BUCKETS_SECONDS,
)
_heartbeats = Counter("dreamos_agent_heartbeats_total", "Signs of life of the agent's own code")
_operation_name = CappedLabel("operation")


class Deadlines:
    """The deadlines of what is in flight in this process, by operation."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again with nothing in flight, as a forked child does."""
        self._lock = threading.Lock()
        self._running: dict[int, tuple[str, float]] = {}
        self._reported: set[str] = set()

    def add(self, key: int, name: str, at: float) -> None:
        """Remember that the operation `key` should have ended at the monotonic time `at`."""
        with self._lock:
            self._running[key] = (name, at)

    def remove(self, key: int) -> None:
        """Forget the operation `key`, if it had a deadline."""
        with self._lock:
            self._running.pop(key, None)

    def report(self) -> None:
        """Set the gauge of overdue operations to what is true now."""
        now = time.monotonic()
        with self._lock:
            late = [name for name, at in self._running.values() if at < now]
            self._reported.update(name for name, _ in self._running.values())
            names = tuple(self._reported)
        for name in names:
            _overdue.labels(name).set(late.count(name))


_deadlines = Deadlines()
snapshot_hooks.on_snapshot(_deadlines.report)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_deadlines.reset)


class OperationRecorder:
    """Counts operations of one name."""

    def __init__(self, name: str, deadline: float | None) -> None:
        self._name = name
        self._deadline = deadline

    def begin(self, span: Span) -> None:
        """Count one more in flight."""
        name = _operation_name(self._name)
        _flight.labels(name).inc()
        _heartbeats.inc()
        if self._deadline is None:
            return
        if is_number(self._deadline):
            _deadlines.add(id(span), name, time.monotonic() + self._deadline)
        else:
            record_error("value", "a deadline is a number of seconds")

    def end(self, span: Span, seconds: float, error: object) -> None:
        """Count one less, and how long it took."""
        name = _operation_name(self._name)
        _flight.labels(name).dec()
        _deadlines.remove(id(span))
        _heartbeats.inc()
        _seconds.labels(name, outcome(error)).observe(seconds)
