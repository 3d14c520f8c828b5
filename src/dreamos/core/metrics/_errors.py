"""What goes wrong inside the library is counted and said once; it never reaches the agent."""

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
_unsaid: deque[tuple[str, str]] = deque()
_silent: Callable[[], bool] = bool

#: A reason is a word out of the library's own code. The bound guards against a caller that passes free text.
_MAX_REASONS = 100


def record_error(reason: str, detail: str = "") -> None:
    """Count one error and log the first one of each reason.

    Arguments:
        reason: a short fixed word such as ``"wrong_labels"``; it becomes the label of
            ``dreamos_client_errors_total``. Never text from a user, a path or a message.
        detail: a sentence for the log line of the first occurrence.

    Never raises and never blocks on anything but a short lock.
    """
    try:
        with _lock:
            if reason not in _counts and len(_counts) >= _MAX_REASONS:
                reason = "other"
            if reason not in _counts:
                _unsaid.append((reason, detail))
            _counts[reason] = _counts.get(reason, 0.0) + 1.0
        if _counter is not None:
            _counter.labels(reason).inc()
        if _unsaid:
            say_errors()
    except Exception:  # noqa: BLE001, S110 - a broken log handler must not reach the agent
        pass


def say_errors() -> None:
    """Log what has not been said yet, unless this thread holds the library's lock.

    A log handler takes locks of its own and may count something: logging under our lock could wait for ever.
    """
    while _unsaid and not _silent():
        try:
            reason, detail = _unsaid.popleft()
        except IndexError:
            return
        text = "metrics: %s: %s (logged once; counted in dreamos_client_errors_total)"
        logger.warning(text, reason, detail)


def be_silent_while(condition: Callable[[], bool]) -> None:
    """Log nothing while ``condition()`` is true; it is said later."""
    global _silent
    _silent = condition


def error_counts() -> dict[str, float]:
    """Return how often each reason occurred in this process."""
    with _lock:
        return dict(_counts)


def count_errors_in(counter: Any) -> None:
    """Show the errors, those before this call too, in a counter with the one label ``reason``."""
    global _counter
    with _lock:
        for reason, count in _counts.items():
            counter.labels(reason).inc(count)
        _counter = counter


def forget_errors() -> None:
    """Start again at zero; a forked process does, because it is an incarnation of its own."""
    global _lock
    _lock = threading.RLock()
    _counts.clear()
    _unsaid.clear()
