"""Token bucket of processor time that one agent may use for series that were not seen before.

A push that repeats its lines costs next to nothing; one with new lines is read line by line, and
costs a hundred times as much. An agent that brings new ones with every push (a label that holds an
id) would take the time from all others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from services.metrics.errors import Rejected

MAX_SAVED_SECONDS = 2.0
"""Of the processor's time, that an agent can have saved up."""
MAX_DEBT_SECONDS = 10.0
"""Of the processor's time, up to which what cannot be sent again later is let in all the same."""
MAX_AGENTS = 10_000
"""Agents that are remembered; those whose bucket is full again are forgotten."""


class TokenBucket:
    """Gives every agent a share of one processor, which adds up while it is not used.

    Safe for threads.

    Args:
        share: of one processor; 1 or more never refuses.
        clock: seconds; replaceable for tests.
        used: seconds of the processor's time that the thread has used; replaceable for tests.
    """

    def __init__(
        self,
        share: float,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        self._share = share
        self._clock = clock
        self._used = used
        self._lock = threading.Lock()
        self._left: dict[Hashable, tuple[float, float]] = {}

    @contextmanager
    def spend(self, who: Hashable, begun: bool = False, urgent: bool = False) -> Iterator[None]:
        """Take the time that this thread uses meanwhile from the bucket of ``who``.

        Args:
            who: the agent.
            begun: it was let in already; what it needs now is only taken from its bucket.
            urgent: the last word of a process, which is let in on credit.

        Raises:
            Rejected: ``churn``, at once, when it has none left.
        """
        if self._share >= 1:
            yield
            return
        if not begun:
            self._check(who, -MAX_DEBT_SECONDS if urgent else 0.0)
        began = self._used()
        try:
            yield
        finally:
            self._charge(who, self._used() - began)

    def _now(self, who: Hashable) -> float:
        left, at = self._left.get(who, (MAX_SAVED_SECONDS, 0.0))
        return min(MAX_SAVED_SECONDS, left + self._share * (self._clock() - at))

    def _check(self, who: Hashable, least: float) -> None:
        with self._lock:
            left = self._now(who)
        if left <= least:
            raise Rejected(
                "churn", "the series change with every push; push the same ones, or less often"
            )

    def _charge(self, who: Hashable, seconds: float) -> None:
        with self._lock:
            self._left[who] = (self._now(who) - seconds, self._clock())
            if len(self._left) > MAX_AGENTS:
                self._left = {
                    other: kept
                    for other, kept in self._left.items()
                    if self._now(other) < MAX_SAVED_SECONDS
                }
