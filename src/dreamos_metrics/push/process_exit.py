"""Exits of a process that atexit misses: by a signal, or as a worker of multiprocessing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


def stop_on_sigterm(stop: Callable[[], object]) -> None:
    """Push the final snapshot on SIGTERM, then die of it as if we were not there.

    Only where the default action is in force and only from the main thread. An application that has
    a handler keeps it, and one that sets a handler later replaces ours: its own way out ends in
    `atexit`.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)


class _Anchor:
    """What multiprocessing ties our call to; it keeps only weak references."""


_anchor = _Anchor()
_registered = False


def stop_with_multiprocessing(stop: Callable[[], object]) -> None:
    """Let workers of multiprocessing push their final snapshot: they end without `atexit`.

    Does nothing unless the process has imported multiprocessing.
    """
    global _registered
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or _registered:
        return
    _registered = True

    def at_end(_: object = None) -> None:
        util.Finalize(None, stop, exitpriority=-1000)

    util.register_after_fork(_anchor, at_end)
    if process.parent_process() is not None:
        at_end()
