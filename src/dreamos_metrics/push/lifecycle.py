"""Lifecycle of the one pusher of this process: started, flushed, stopped, forked."""

from __future__ import annotations

import atexit
import os
import threading

from dreamos_metrics.metrics import errors, exemplars
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.migration import reset_after_fork
from dreamos_metrics.push import process_exit, signals, third_party, workers
from dreamos_metrics.push.inherited import Inherited, SeriesKey, Values, inherited_counts
from dreamos_metrics.push.pusher import Pusher
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.spool import spool_folder

_lock = threading.RLock()
_pusher: Pusher | None = None
#: The pusher that began last, also while it ends.
_last: Pusher | None = None
_inherited: dict[SeriesKey, Values] = {}
_atexit_registered = False
#: Whether nobody asked for the pusher by a call: it comes from the environment, or from the parent
#: of this process.
_implicit = False


def start_with(settings: Settings, *, implicit: bool = False) -> Pusher:
    """Start pushing with ready settings.

    Args:
        implicit: nobody asked by a call, so that a later call with other settings may take its
            place.
    """
    global _pusher, _last, _implicit
    with _lock:
        if _pusher is not None and _implicit and _pusher.settings != settings:
            _pusher.withdraw(_pusher.settings.exit_timeout)
            _pusher = None
        _implicit = implicit
        if _pusher is not None:
            if _pusher.settings != settings:
                record_error("already_started", f"still pushing as {_pusher.settings}")
            return _pusher
        earlier = _last
        pusher = Pusher(settings, spool_folder.writable_folder(settings.spool))
        pusher.snapshot_collector.third_party.inherited = Inherited(_inherited)
        if earlier is not None:
            pusher.go_on_from(earlier)
        _pusher = _last = pusher
        pusher.start()
        _register_exit()
        return pusher


def stop(timeout: float | None = None) -> bool:
    """Push the final snapshot and stop; return whether it ended in time (True when nothing runs).

    Called by itself at the end of the process. What could not be sent stays in the spool folder.
    """
    global _pusher
    with _lock:
        pusher, _pusher = _pusher, None
        workers.hand_down_nothing()
    if pusher is None:
        return True
    return pusher.stop(pusher.settings.exit_timeout if timeout is None else timeout)


def _prepare_end() -> None:
    pusher = _pusher
    if pusher is not None:
        pusher.prepare_end()


def flush(timeout: float = 10.0) -> bool:
    """Push now and wait; return whether the service accepted it within `timeout` seconds.

    False also when pushing was never started. Not needed in normal use.
    """
    pusher = _pusher
    return pusher is not None and pusher.flush(timeout)


def current() -> Pusher | None:
    """Return the running pusher, or None."""
    return _pusher


def last() -> Pusher | None:
    """Return the running pusher, or the one that ended last. Takes no lock."""
    return _last


def _holds_a_lock() -> bool:
    """Whether this thread holds a lock that the end of the pusher may need."""
    locks = (_lock, REGISTRY.lock, errors.lock())
    return any(lock._is_owned() for lock in locks)  # type: ignore[attr-defined]


def _register_exit() -> None:
    global _atexit_registered
    process_exit.stop_with_workers(stop)
    process_exit.stop_with_uvicorn(stop)
    signals.stop_on_sigterm(last, _holds_a_lock)
    if not _atexit_registered:
        _atexit_registered = True
        atexit.register(stop)
        process_exit.before_other_exits(_prepare_end)


def _before_fork() -> None:
    global _inherited
    try:
        if _pusher is not None:
            process_exit.stop_with_workers(stop)
            _inherited = inherited_counts()
    except Exception as error:  # noqa: BLE001 - os.fork must not fail because of us
        record_error("fork", f"{type(error).__name__}: {error}")
    _lock.acquire()
    REGISTRY.lock.acquire()


def _after_fork_in_parent() -> None:
    global _inherited
    REGISTRY.lock.release()
    _lock.release()
    _inherited = {}


def _after_fork_in_child() -> None:
    global _lock, _pusher, _last, _implicit
    _lock = threading.RLock()
    REGISTRY.renew_lock()
    try:
        errors.reset_errors()
        exemplars.reset_exemplar_count()
        reset_after_fork()
        third_party.reset_start_time()
        parent, _pusher, _last = _pusher, None, None
        if parent is not None:
            parent.abandon_in_fork()
            _pusher = _last = Pusher(parent.settings, parent.folder)
            _pusher.snapshot_collector.third_party.inherited = Inherited(_inherited)
            _pusher.start_in_fork()
            _implicit = True
    except Exception as error:  # noqa: BLE001 - os.fork must not fail because of us
        record_error("fork", f"{type(error).__name__}: {error}")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
