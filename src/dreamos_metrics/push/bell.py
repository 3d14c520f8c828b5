"""Bell: wakes a thread, also from a signal handler.

`threading.Event.set` takes a lock, which the thread that a handler interrupted may hold: then the
handler waits for itself. Releasing a bare lock never waits.
"""

from __future__ import annotations

import _thread
import contextlib


class Bell:
    """A bell that one thread waits for and anybody may ring. Rung before the wait, it counts too."""

    def __init__(self) -> None:
        self._silence = _thread.allocate_lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake whoever waits. Never waits itself; ringing twice is ringing once."""
        with contextlib.suppress(RuntimeError):  # it rings already
            self._silence.release()

    def wait(self, seconds: float) -> bool:
        """Wait for the bell; return whether it rang within so many seconds."""
        return self._silence.acquire(timeout=min(max(0.0, seconds), _thread.TIMEOUT_MAX))
