"""Who goes first: a scrape, which comes every few seconds, before pushes, which come all the time.

All threads share one interpreter, so a scrape beside pushes without a pause would take several
times as long as it needs. Pushes therefore let a scrape go first, for a time that no sender
notices, and a scrape that follows at once on another one has no such right: neither waits for the
other longer than :data:`PATIENCE`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 0.008
"""Seconds that a push waits for a scrape at most."""
PAUSE = 0.030
"""Seconds from one scrape with the right to go first to the next one."""


class ScrapePriority:
    """Scrapes announce themselves, pushes let them go first. Safe for threads.

    One scrape at a time announces itself; whoever shares this guards that.
    """

    def __init__(self) -> None:
        self._done = threading.Event()
        self._until = 0.0
        self._began = 0.0

    @contextmanager
    def first(self) -> Iterator[None]:
        """Go before the pushes that come now, for at most :data:`PATIENCE`."""
        now = time.monotonic()
        if now - self._began >= PAUSE:
            self._began = now
            self._done.clear()
            self._until = now + PATIENCE
        try:
            yield
        finally:
            self._until = 0.0
            self._done.set()

    def give_way(self) -> None:
        """Wait while a scrape goes first; returns at once when there is none."""
        until = self._until
        if until:
            left = until - time.monotonic()
            if left > 0:
                self._done.wait(left)
