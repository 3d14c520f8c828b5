"""Start, stop and flush: the one pusher of this process, and what happens when it forks, ends or is told to."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from dreamos.core.metrics import _ending, _errors, _exemplars, _foreign, _spool
from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._family import REGISTRY
from dreamos.core.metrics._move import start_from_nothing
from dreamos.core.metrics._pusher import Pusher
from dreamos.core.metrics._settings import Settings, read_settings

if TYPE_CHECKING:
    from dreamos.core.metrics.agents import Agent

_lock = threading.RLock()
_pusher: Pusher | None = None
_inherited: _foreign.Baseline = {}
_prepared = False
#: Whether nobody asked for the pusher by a call: it comes from the environment, or from the parent of a fork.
_implicit = False


def start(
    agent: str | None = None,
    *,
    job: str | None = None,
    url: str | None = None,
    token: str | None = None,
    interval: float | None = None,
    spool: str | None = None,
) -> Agent:
    """Start pushing this process' metrics in the background; return the handle of the agent.

    What is not given comes from the environment (``DREAMOS_METRICS_AGENT``, ``_JOB``, ``_URL``, ``_TOKEN`` or
    ``_TOKEN_FILE``, ``_INTERVAL``, ``_SPOOL``), then from the defaults. Calling it again while it runs changes
    nothing and returns the same handle; but where pushing was started by the environment, or by the process that this
    one was forked from, another agent's name or other settings take its place.

    Arguments:
        agent: the agent's name, e.g. ``"Agent-1"``; several processes may share it.
        job: the group of agents; default ``"dreamos"``.
        url: the metrics service; default ``"http://127.0.0.1:8000"``.
        token: the service's push token.
        interval: seconds between pushes; default 5.
        spool: folder where values and unsent snapshots lie; ``""`` for none; default a folder of the user's.

    Raises:
        ValueError: a setting is missing or wrong; the message names it and shows a right one.
        OSError: the token file cannot be read.
    """
    pusher = start_with(
        read_settings(agent=agent, job=job, url=url, token=token, interval=interval, spool=spool)
    )
    # What an agent says of itself is loaded where something pushes, so that the import stays fast.
    from dreamos.core.metrics import agents

    return agents.activate(pusher.settings.agent)


def start_with(settings: Settings) -> Pusher:
    """Start pushing with ready settings."""
    global _pusher, _implicit
    with _lock:
        if _pusher is not None and _implicit and _pusher.settings != settings:
            _pusher.withdraw(_pusher.settings.exit_timeout)
            _pusher = None
        _implicit = False
        if _pusher is not None:
            if _pusher.settings != settings:
                record_error("already_started", f"still pushing as {_pusher.settings}")
            return _pusher
        pusher = Pusher(settings, _spool.usable_folder(settings.spool))
        pusher.camera.baseline = _inherited
        _pusher = pusher
        pusher.start()
        _prepare()
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
    """Push now and wait; return whether the service accepted it within ``timeout`` seconds.

    False also when pushing was never started. Not needed in normal use.
    """
    pusher = _pusher
    return pusher is not None and pusher.flush(timeout)


def current() -> Pusher | None:
    """Return the running pusher, or None."""
    return _pusher


def start_from_environment() -> None:
    """Start pushing when ``DREAMOS_METRICS_AGENT`` is set. Never raises: an import must not fail."""
    if not os.environ.get("DREAMOS_METRICS_AGENT"):
        return
    global _implicit
    try:
        start()
        _implicit = True
    except Exception as error:  # noqa: BLE001 - an import must not fail
        record_error("wrong_setting", f"{type(error).__name__}: {error}")


def _prepare() -> None:
    global _prepared
    _ending.end_with_multiprocessing(stop)
    if not _prepared:
        _prepared = True
        atexit.register(stop)
        _ending.end_on_sigterm(stop)


def _before_fork() -> None:
    global _inherited
    if _pusher is not None:
        _ending.end_with_multiprocessing(stop)
    try:
        _inherited = _foreign.inherited_counts()
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
        _errors.forget_errors()
        _exemplars.forget()
        start_from_nothing()
        _foreign.begin_anew()
        parent, _pusher = _pusher, None
        if parent is not None:
            parent.abandon_in_fork()
            _pusher = Pusher(parent.settings, parent.folder)
            _pusher.camera.baseline = _inherited
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
