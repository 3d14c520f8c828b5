"""Metrics for AI agents: one line to instrument, one line to push, nothing lost.

>>> from dreamos.core.metrics import Counter, start
>>> tasks = Counter("tasks_total", "Tasks that were done", ["kind"])
>>> tasks.inc(tags={"kind": "build"})

``start(agent="Agent-1")``, or the environment variable ``DREAMOS_METRICS_AGENT``, begins to push.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dreamos.core.metrics import _locked as _locked
from dreamos.core.metrics._counter import Counter
from dreamos.core.metrics._gauge import Gauge
from dreamos.core.metrics._histogram import DEFAULT_BUCKETS, Histogram
from dreamos.core.metrics._hooks import on_snapshot
from dreamos.core.metrics._info import Info
from dreamos.core.metrics._lifecycle import flush, start, start_from_environment, stop
from dreamos.core.metrics._summary import Summary

if TYPE_CHECKING:
    # The names of _LAZY, for type checkers; `as` says that they are meant to be public here.
    from dreamos.core.metrics._path_label import set_path_label as set_path_label
    from dreamos.core.metrics.agents import Agent as Agent
    from dreamos.core.metrics.agents import current_agent as current_agent
    from dreamos.core.metrics.compat import BaseMetrics as BaseMetrics
    from dreamos.core.metrics.compat import BridgeMetrics as BridgeMetrics
    from dreamos.core.metrics.compat import CommandMetrics as CommandMetrics
    from dreamos.core.metrics.compat import FileMetrics as FileMetrics
    from dreamos.core.metrics.compat import LogMetrics as LogMetrics
    from dreamos.core.metrics.compat import bridge_metrics as bridge_metrics
    from dreamos.core.metrics.compat import file_metrics as file_metrics
    from dreamos.core.metrics.compat import get_command_stats as get_command_stats
    from dreamos.core.metrics.compat import load_metrics as load_metrics
    from dreamos.core.metrics.compat import log_metrics as log_metrics
    from dreamos.core.metrics.compat import reset_stats as reset_stats
    from dreamos.core.metrics.compat import save_metrics as save_metrics
    from dreamos.core.metrics.compat import track_command as track_command
    from dreamos.core.metrics.logs import JSONFormatter as JSONFormatter
    from dreamos.core.metrics.logs import MetricsHandler as MetricsHandler
    from dreamos.core.metrics.middleware import ASGIMiddleware as ASGIMiddleware
    from dreamos.core.metrics.middleware import WSGIMiddleware as WSGIMiddleware
    from dreamos.core.metrics.middleware import instrument_flask as instrument_flask
    from dreamos.core.metrics.performance import Cache as Cache
    from dreamos.core.metrics.performance import Queue as Queue
    from dreamos.core.metrics.performance import api_call as api_call
    from dreamos.core.metrics.performance import cache as cache
    from dreamos.core.metrics.performance import queue as queue

__all__ = [
    "DEFAULT_BUCKETS",
    "Counter",
    "Gauge",
    "Histogram",
    "Info",
    "Summary",
    "flush",
    "on_snapshot",
    "start",
    "stop",
]

#: Public name -> module that has it; loaded when first used, so that the import stays fast.
_LAZY: dict[str, str] = {
    "Agent": "dreamos.core.metrics.agents",
    "current_agent": "dreamos.core.metrics.agents",
    "Cache": "dreamos.core.metrics.performance",
    "Queue": "dreamos.core.metrics.performance",
    "api_call": "dreamos.core.metrics.performance",
    "cache": "dreamos.core.metrics.performance",
    "queue": "dreamos.core.metrics.performance",
    "JSONFormatter": "dreamos.core.metrics.logs",
    "MetricsHandler": "dreamos.core.metrics.logs",
    "ASGIMiddleware": "dreamos.core.metrics.middleware",
    "WSGIMiddleware": "dreamos.core.metrics.middleware",
    "instrument_flask": "dreamos.core.metrics.middleware",
    "set_path_label": "dreamos.core.metrics._path_label",
    "BaseMetrics": "dreamos.core.metrics.compat",
    "BridgeMetrics": "dreamos.core.metrics.compat",
    "CommandMetrics": "dreamos.core.metrics.compat",
    "FileMetrics": "dreamos.core.metrics.compat",
    "LogMetrics": "dreamos.core.metrics.compat",
    "bridge_metrics": "dreamos.core.metrics.compat",
    "file_metrics": "dreamos.core.metrics.compat",
    "log_metrics": "dreamos.core.metrics.compat",
    "get_command_stats": "dreamos.core.metrics.compat",
    "load_metrics": "dreamos.core.metrics.compat",
    "reset_stats": "dreamos.core.metrics.compat",
    "save_metrics": "dreamos.core.metrics.compat",
    "track_command": "dreamos.core.metrics.compat",
}

__all__ += list(_LAZY)


def __getattr__(name: str) -> Any:
    """Load a public name of another module when it is first used (PEP 562)."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, the lazy ones too."""
    return sorted({*globals(), *_LAZY})


start_from_environment()
