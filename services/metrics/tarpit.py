"""An agent that is refused again and again gets its answers slowly.

Refusing is cheap, but a sender that tries again at once, as fast as it can, would still take half of
the interpreter from the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

PAUSE = 0.25
"""Seconds that an answer is held back."""
AGAIN = 1.0
"""Seconds after a refusal within which the next one is held back."""
REMEMBERED = 1_000
"""Agents; those whose last refusal is long ago are forgotten."""


class Tarpit:
    """Holds refusals back. Safe for threads.

    Args:
        places: how many answers are held back at once; each takes a thread, so that there must be
            some left for others.
        clock: seconds that never go back.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        places: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._places = threading.BoundedSemaphore(max(1, places))
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}

    def hold(self, who: Hashable) -> None:
        """Wait, if ``who`` was refused a moment ago and there is a place to wait in."""
        if self._again(who) and self._places.acquire(blocking=False):
            try:
                self._sleep(PAUSE)
            finally:
                self._places.release()

    def _again(self, who: Hashable) -> bool:
        now = self._clock()
        with self._lock:
            last = self._last.get(who)
            self._last[who] = now
            if len(self._last) > REMEMBERED:
                self._last = {w: at for w, at in self._last.items() if now - at < AGAIN}
        return last is not None and now - last < AGAIN
