"""Errors inside the library: counted, logged once per reason and metric, never raised into the
agent.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("dreamos.metrics")

_lock = threading.RLock()
_counts: dict[str, float] = {}
_counter: Any = None
_pending: deque[tuple[str, str]] = deque()
_said: set[tuple[str, str]] = set()
_logging_deferred: Callable[[], bool] = bool

#: A reason is a word of the library's own code; the bound is against a caller that passes free
#: text.
_MAX_REASONS = 100
#: More lines than this are not logged by one process, whatever goes wrong in it.
_MAX_LINES = 200


def record_error(reason: str, detail: str = "", *, about: str = "", times: float = 1.0) -> None:
    """Count an error, and log the first one of each reason about each thing.

    Args:
        reason: a short fixed word such as `"wrong_labels"`; it becomes the label of
            `dreamos_client_errors_total`. Never text from a user, a path or a message.
        detail: a sentence for the log line of the first occurrence.
        about: what it is about, mostly the name of a metric.
        times: how often it happened.

    Never raises and never blocks on anything but a short lock.
    """
    try:
        with _lock:
            if reason not in _counts and len(_counts) >= _MAX_REASONS:
                reason = "other"
            if (reason, about) not in _said and len(_said) < _MAX_LINES:
                _said.add((reason, about))
                _pending.append((reason, detail))
            _counts[reason] = _counts.get(reason, 0.0) + times
        if _counter is not None:
            _counter.labels(reason).inc(times)
        if _pending:
            log_pending_errors()
    except Exception:  # noqa: BLE001, S110 - a broken log handler must not reach the agent
        pass


def log_pending_errors() -> None:
    """Log the errors that were not logged yet, unless this thread holds the library's lock.

    A log handler takes locks of its own and may count something: logging under our lock could wait
    for ever.
    """
    while _pending and not _logging_deferred():
        try:
            reason, detail = _pending.popleft()
        except IndexError:
            return
        text = "metrics: %s: %s (logged once; counted in dreamos_client_errors_total)"
        logger.warning(text, reason, detail)


def defer_logging_while(condition: Callable[[], bool]) -> None:
    """Log nothing while `condition()` is true; it is logged later."""
    global _logging_deferred
    _logging_deferred = condition


def lock() -> threading.RLock:
    """Return the lock of this module, for a signal handler that asks who holds it."""
    return _lock


def error_counts() -> dict[str, float]:
    """Return how often each reason occurred in this process."""
    with _lock:
        return dict(_counts)


def export_errors_to(counter: Any) -> None:
    """Export the errors, those before this call too, in a counter with the one label `reason`."""
    global _counter
    with _lock:
        for reason, count in _counts.items():
            counter.labels(reason).inc(count)
        _counter = counter


def reset_errors() -> None:
    """Start again at zero; a forked process does, because it is an incarnation of its own."""
    global _lock
    _lock = threading.RLock()
    _counts.clear()
    _said.clear()
    _pending.clear()
