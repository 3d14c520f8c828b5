"""Lifecycle of the one pusher of this process: started, flushed, stopped, forked."""

from __future__ import annotations

import atexit
import os
import threading

from dreamos_metrics.metrics import errors, exemplars
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.migration import reset_after_fork
from dreamos_metrics.push import process_exit, third_party
from dreamos_metrics.push.pusher import Pusher
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.spool import spool_folder

_lock = threading.RLock()
_pusher: Pusher | None = None
_inherited: third_party.Baseline = {}
_exit_registered = False
#: Whether nobody asked for the pusher by a call: it comes from the environment, or from the parent
#: of a fork.
_implicit = False


def start_with(settings: Settings, *, implicit: bool = False) -> Pusher:
    """Start pushing with ready settings.

    Args:
        implicit: nobody asked by a call, so that a later call with other settings may take its
            place.
    """
    global _pusher, _implicit
    with _lock:
        if _pusher is not None and _implicit and _pusher.settings != settings:
            _pusher.withdraw(_pusher.settings.exit_timeout)
            _pusher = None
        _implicit = implicit
        if _pusher is not None:
            if _pusher.settings != settings:
                record_error("already_started", f"still pushing as {_pusher.settings}")
            return _pusher
        pusher = Pusher(settings, spool_folder.writable_folder(settings.spool))
        pusher.snapshot_collector.baseline = _inherited
        _pusher = pusher
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
    if pusher is None:
        return True
    return pusher.stop(pusher.settings.exit_timeout if timeout is None else timeout)


def flush(timeout: float = 10.0) -> bool:
    """Push now and wait; return whether the service accepted it within `timeout` seconds.

    False also when pushing was never started. Not needed in normal use.
    """
    pusher = _pusher
    return pusher is not None and pusher.flush(timeout)


def current() -> Pusher | None:
    """Return the running pusher, or None."""
    return _pusher


def _register_exit() -> None:
    global _exit_registered
    process_exit.stop_with_multiprocessing(stop)
    if not _exit_registered:
        _exit_registered = True
        atexit.register(stop)
        process_exit.stop_on_sigterm(stop)


def _before_fork() -> None:
    global _inherited
    if _pusher is not None:
        process_exit.stop_with_multiprocessing(stop)
    try:
        _inherited = third_party.inherited_counts()
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
    global _lock, _pusher, _implicit
    _lock = threading.RLock()
    REGISTRY.renew_lock()
    try:
        errors.reset_errors()
        exemplars.reset_exemplar_count()
        reset_after_fork()
        third_party.reset_start_time()
        parent, _pusher = _pusher, None
        if parent is not None:
            parent.abandon_in_fork()
            _pusher = Pusher(parent.settings, parent.folder)
            _pusher.snapshot_collector.baseline = _inherited
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
