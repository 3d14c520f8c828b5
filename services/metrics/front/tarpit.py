"""An agent that is refused again and again gets its answers slowly.

Refusing is cheap, but a sender that tries again at once, as fast as it can, would still take half of
the interpreter from the others. Nothing but the connection waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

PAUSE_SECONDS = 0.25
"""How long an answer is held back."""
AGAIN_SECONDS = 1.0
"""Time after a refusal within which the next one is held back."""
MAX_REMEMBERED = 1_000
"""Agents; those whose last refusal is long ago are forgotten."""


class Tarpit:
    """Says how long a refusal is held back. Only for the thread of the event loop.

    Args:
        clock: seconds; replaceable for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[Hashable, float] = {}

    def pause(self, who: Hashable, status: int) -> float:
        """Return the seconds to wait before ``who`` is answered with ``status``."""
        if status != 429:
            return 0.0
        now = self._clock()
        last = self._last.pop(who, None)
        self._last[who] = now
        if len(self._last) > MAX_REMEMBERED:
            del self._last[next(iter(self._last))]
        return PAUSE_SECONDS if last is not None and now - last < AGAIN_SECONDS else 0.0
