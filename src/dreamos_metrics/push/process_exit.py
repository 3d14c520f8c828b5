"""Exits of a process that atexit misses: workers of multiprocessing, of Celery, and uvicorn."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from dreamos_metrics.metrics.errors import record_error

#: Packages whose worker processes end by `os._exit`, after their own finalizers.
_WORKER_PACKAGES = ("multiprocessing", "billiard")


class _Anchor:
    """What multiprocessing ties our call to; it keeps only weak references."""


_anchor = _Anchor()
_registered: set[str] = set()


def before_other_exits(prepare: Callable[[], object]) -> None:
    """Call `prepare` before everything that is registered with `atexit`, now or later."""
    register = getattr(threading, "_register_atexit", None)
    if register is None:  # an interpreter that has it not; what others count last may be missing
        return
    with contextlib.suppress(RuntimeError):  # the process ends already
        # What is registered last runs first, and this runs when all others are registered.
        register(lambda: atexit.register(prepare))


def stop_with_workers(stop: Callable[[], object]) -> None:
    """Let worker processes push their final snapshot: they end without `atexit`.

    Does nothing for a package that the process has not imported.
    """
    for package in _WORKER_PACKAGES:
        _stop_with(package, stop)
    _stop_with_celery(stop)


def _stop_with(package: str, stop: Callable[[], object]) -> None:
    util: Any = sys.modules.get(f"{package}.util")
    process: Any = sys.modules.get(f"{package}.process")
    if util is None or process is None or package in _registered:
        return
    _registered.add(package)

    def at_end(_: object = None) -> None:
        util.Finalize(None, stop, exitpriority=-1000)

    util.register_after_fork(_anchor, at_end)
    parent_process = getattr(process, "parent_process", None)
    if parent_process is not None and parent_process() is not None:
        at_end()


def _stop_with_celery(stop: Callable[[], object]) -> None:
    """Stop with a process of Celery's pool, which skips even billiard's finalizers."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is None or "celery" in _registered:
        return
    _registered.add("celery")

    def at_end(**_: object) -> None:
        stop()

    signals.worker_process_shutdown.connect(at_end, weak=False, dispatch_uid="dreamos_metrics")


def stop_with_uvicorn(stop: Callable[[], object]) -> None:
    """Stop at the end of uvicorn's shutdown, when it was asked for by SIGTERM.

    uvicorn has its handlers in place when it imports the application, puts the default ones back
    afterwards and raises the signal again, which kills the process before any `atexit`.
    """
    server: Any = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not type(server).__module__.startswith("uvicorn.") or hasattr(server, "_dreamos_metrics"):
        return
    try:
        shutdown = server.shutdown
        server._dreamos_metrics = True

        async def shut_down(*args: Any, **kwargs: Any) -> None:
            try:
                await shutdown(*args, **kwargs)
            finally:
                if signal.SIGTERM in getattr(server, "_captured_signals", (signal.SIGTERM,)):
                    stop()

        server.shutdown = shut_down
    except Exception as error:  # noqa: BLE001 - the server must serve
        record_error("workers", f"uvicorn: {type(error).__name__}: {error}")
