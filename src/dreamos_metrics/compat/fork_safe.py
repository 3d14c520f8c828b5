"""Lock that a forked child finds open, whoever held it in the parent."""

from __future__ import annotations

import os
import threading
import weakref


class ForkSafe:
    """Has a `_lock`, which is a new one in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _living.add(self)


_living: weakref.WeakSet[ForkSafe] = weakref.WeakSet()


def _new_locks() -> None:
    for owner in list(_living):
        owner._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_locks)
