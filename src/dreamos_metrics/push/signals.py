"""SIGTERM: the final push before the signal kills, by a handler that cannot hang.

A handler runs between two steps of the main thread, which may hold any lock at that moment. So it
takes none, sends nothing and waits with a bound; and it gives the signal its default action back
first, so that a second one always kills.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Protocol

#: Seconds that the pushing thread may take beyond the time for the end, to write the spool.
_BEYOND_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class _Settings(Protocol):
    @property
    def exit_timeout(self) -> float: ...


class Stoppable(Protocol):
    """What a handler needs of a pusher; neither takes a lock."""

    ended: bool

    @property
    def settings(self) -> _Settings:
        """Its settings."""

    def request_stop(self, timeout: float) -> None:
        """Ask for the end within `timeout` seconds."""


def stop_on_sigterm(
    pusher: Callable[[], Stoppable | None], holds_a_lock: Callable[[], bool]
) -> None:
    """Push the final snapshot on SIGTERM, then die of it as if we were not there.

    Only where the default action is in force and only from the main thread. An application that has
    a handler keeps it, and one that sets a handler later replaces ours: its own way out ends in
    `atexit`.

    Args:
        pusher: returns the pusher of this process.
        holds_a_lock: whether this thread holds a lock that the pusher may need.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        running = pusher()
        if running is not None and not running.ended:
            running.request_stop(running.settings.exit_timeout)
            until = monotonic() + running.settings.exit_timeout + _BEYOND_SECONDS
            if holds_a_lock() and _kill_later(running, until, number):
                return  # the main thread must go on, to release it
            _wait(running, until)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)


def _wait(running: Stoppable, until: float) -> None:
    while not running.ended and monotonic() < until:
        time.sleep(_LOOK_SECONDS)


def _kill_later(running: Stoppable, until: float, number: int) -> bool:
    def kill() -> None:
        _wait(running, until)
        os.kill(os.getpid(), number)

    try:
        # Bare: threading.Thread.start takes locks.
        _thread.start_new_thread(kill, ())
    except RuntimeError:  # no thread can be had
        return False
    return True
