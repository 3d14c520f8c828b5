"""Errors inside the library: counted, logged once per reason, never raised into the agent."""

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
_logging_deferred: Callable[[], bool] = bool

#: A reason is a word of the library's own code; the bound is against a caller that passes free
#: text.
_MAX_REASONS = 100


def record_error(reason: str, detail: str = "") -> None:
    """Count one error and log the first one of each reason.

    Args:
        reason: a short fixed word such as `"wrong_labels"`; it becomes the label of
            `dreamos_client_errors_total`. Never text from a user, a path or a message.
        detail: a sentence for the log line of the first occurrence.

    Never raises and never blocks on anything but a short lock.
    """
    try:
        with _lock:
            if reason not in _counts and len(_counts) >= _MAX_REASONS:
                reason = "other"
            if reason not in _counts:
                _pending.append((reason, detail))
            _counts[reason] = _counts.get(reason, 0.0) + 1.0
        if _counter is not None:
            _counter.labels(reason).inc()
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
    _pending.clear()
