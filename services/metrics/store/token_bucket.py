"""How much of the processor one agent may use for series that were not seen before.

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

MOST = 2.0
"""Seconds of the processor's time that an agent can have saved up."""
REMEMBERED = 10_000
"""Agents; those whose credit is full again are forgotten."""


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
    def spend(self, who: Hashable, begun: bool = False) -> Iterator[None]:
        """Take the time that this thread uses meanwhile from the credit of ``who``.

        Args:
            who: the agent.
            begun: it was let in already; what it needs now is only taken from its credit.

        Raises:
            Rejected: ``churn``, at once, when it has none left.
        """
        if self._share >= 1:
            yield
            return
        if not begun:
            self._check(who)
        began = self._used()
        try:
            yield
        finally:
            self._charge(who, self._used() - began)

    def _now(self, who: Hashable) -> float:
        left, at = self._left.get(who, (MOST, 0.0))
        return min(MOST, left + self._share * (self._clock() - at))

    def _check(self, who: Hashable) -> None:
        with self._lock:
            left = self._now(who)
        if left <= 0:
            raise Rejected(
                "churn", "the series change with every push; push the same ones, or less often"
            )

    def _charge(self, who: Hashable, seconds: float) -> None:
        with self._lock:
            self._left[who] = (self._now(who) - seconds, self._clock())
            if len(self._left) > REMEMBERED:
                self._left = {
                    other: kept for other, kept in self._left.items() if self._now(other) < MOST
                }
