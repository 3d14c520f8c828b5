"""Metrics for AI agents: one line to instrument, one line to push, nothing lost.

>>> from dreamos_metrics import Counter, start
>>> tasks = Counter("tasks_total", "Tasks that were done", ["kind"])
>>> tasks.inc(tags={"kind": "build"})

`start(agent="Agent-1")`, or the environment variable `DREAMOS_METRICS_AGENT`, begins to push.

Public are the names in `__all__` here and in `agents`, `compat`, `files`, `logs`, `middleware`,
`performance` and `testing`. The rooms `metrics`, `spool`, `push` and `instrumentation` are the
inside. `dreamos.core.metrics` is another name for all of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dreamos_metrics.metrics import locking
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.enum import Enum
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import DEFAULT_BUCKETS, Histogram
from dreamos_metrics.metrics.info import Info
from dreamos_metrics.metrics.snapshot_hooks import on_snapshot
from dreamos_metrics.metrics.summary import Summary
from dreamos_metrics.public_names import HOME_OF_LAZY_NAME, load
from dreamos_metrics.push.lifecycle import flush, stop
from dreamos_metrics.startup import start, start_from_environment
from dreamos_metrics.version import __version__ as __version__

if TYPE_CHECKING:
    # The lazy names, for type checkers; `as` says that they are meant to be public here.
    from dreamos_metrics.agents import Agent as Agent
    from dreamos_metrics.agents import current_agent as current_agent
    from dreamos_metrics.compat import BaseMetrics as BaseMetrics
    from dreamos_metrics.compat import BridgeMetrics as BridgeMetrics
    from dreamos_metrics.compat import CommandMetrics as CommandMetrics
    from dreamos_metrics.compat import FileMetrics as FileMetrics
    from dreamos_metrics.compat import LogMetrics as LogMetrics
    from dreamos_metrics.compat import bridge_metrics as bridge_metrics
    from dreamos_metrics.compat import file_metrics as file_metrics
    from dreamos_metrics.compat import get_command_stats as get_command_stats
    from dreamos_metrics.compat import load_metrics as load_metrics
    from dreamos_metrics.compat import log_metrics as log_metrics
    from dreamos_metrics.compat import reset_stats as reset_stats
    from dreamos_metrics.compat import save_metrics as save_metrics
    from dreamos_metrics.compat import track_command as track_command
    from dreamos_metrics.instrumentation.path_label import set_path_label as set_path_label
    from dreamos_metrics.logs import JSONFormatter as JSONFormatter
    from dreamos_metrics.logs import MetricsHandler as MetricsHandler
    from dreamos_metrics.middleware import ASGIMiddleware as ASGIMiddleware
    from dreamos_metrics.middleware import WSGIMiddleware as WSGIMiddleware
    from dreamos_metrics.middleware import instrument_flask as instrument_flask
    from dreamos_metrics.performance import Cache as Cache
    from dreamos_metrics.performance import Queue as Queue
    from dreamos_metrics.performance import api_call as api_call
    from dreamos_metrics.performance import cache as cache
    from dreamos_metrics.performance import queue as queue

__all__ = [
    "DEFAULT_BUCKETS",
    "ASGIMiddleware",
    "Agent",
    "BaseMetrics",
    "BridgeMetrics",
    "Cache",
    "CommandMetrics",
    "Counter",
    "Enum",
    "FileMetrics",
    "Gauge",
    "Histogram",
    "Info",
    "JSONFormatter",
    "LogMetrics",
    "MetricsHandler",
    "Queue",
    "Summary",
    "WSGIMiddleware",
    "api_call",
    "bridge_metrics",
    "cache",
    "current_agent",
    "file_metrics",
    "flush",
    "get_command_stats",
    "instrument_flask",
    "load_metrics",
    "log_metrics",
    "on_snapshot",
    "queue",
    "reset_stats",
    "save_metrics",
    "set_path_label",
    "start",
    "stop",
    "track_command",
]


def __getattr__(name: str) -> Any:
    """Load a public name of another module when it is first used (PEP 562)."""
    if name not in HOME_OF_LAZY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = load(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, the lazy ones too."""
    return sorted({*globals(), *HOME_OF_LAZY_NAME})


locking.lock_additions_if_needed()
start_from_environment()
