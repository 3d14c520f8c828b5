"""Metrics for AI agents: one line to instrument, one line to push, nothing lost.

>>> from dreamos.core.metrics import Counter, start
>>> tasks = Counter("tasks_total", "Tasks that were done", ["kind"])
>>> tasks.inc(tags={"kind": "build"})

``start(agent="Agent-1")``, or the environment variable ``DREAMOS_METRICS_AGENT``, begins to push.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dreamos.core.metrics._counter import Counter
from dreamos.core.metrics._gauge import Gauge
from dreamos.core.metrics._histogram import DEFAULT_BUCKETS, Histogram
from dreamos.core.metrics._hooks import on_snapshot
from dreamos.core.metrics._info import Info
from dreamos.core.metrics._lifecycle import flush, start, start_from_environment, stop
from dreamos.core.metrics._summary import Summary

if TYPE_CHECKING:
    # The names of _LAZY, for type checkers.
    from dreamos.core.metrics._path_label import set_path_label
    from dreamos.core.metrics.agents import Agent, current_agent
    from dreamos.core.metrics.compat import (
        BaseMetrics,
        BridgeMetrics,
        CommandMetrics,
        FileMetrics,
        LogMetrics,
        get_command_stats,
        load_metrics,
        reset_stats,
        save_metrics,
        track_command,
    )
    from dreamos.core.metrics.logs import JSONFormatter, MetricsHandler
    from dreamos.core.metrics.middleware import ASGIMiddleware, WSGIMiddleware, instrument_flask
    from dreamos.core.metrics.performance import Cache, Queue, api_call, cache, queue

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
