"""Public names that are loaded when first used, so that the import stays fast, and their homes."""

from __future__ import annotations

import importlib
from typing import Any

HOME_OF_LAZY_NAME: dict[str, str] = {
    "Agent": "dreamos_metrics.agents",
    "current_agent": "dreamos_metrics.agents",
    "Cache": "dreamos_metrics.performance",
    "Queue": "dreamos_metrics.performance",
    "api_call": "dreamos_metrics.performance",
    "cache": "dreamos_metrics.performance",
    "queue": "dreamos_metrics.performance",
    "JSONFormatter": "dreamos_metrics.logs",
    "MetricsHandler": "dreamos_metrics.logs",
    "ASGIMiddleware": "dreamos_metrics.middleware",
    "WSGIMiddleware": "dreamos_metrics.middleware",
    "instrument_flask": "dreamos_metrics.middleware",
    "set_path_label": "dreamos_metrics.instrumentation.path_label",
    "BaseMetrics": "dreamos_metrics.compat",
    "BridgeMetrics": "dreamos_metrics.compat",
    "CommandMetrics": "dreamos_metrics.compat",
    "FileMetrics": "dreamos_metrics.compat",
    "LogMetrics": "dreamos_metrics.compat",
    "bridge_metrics": "dreamos_metrics.compat",
    "file_metrics": "dreamos_metrics.compat",
    "log_metrics": "dreamos_metrics.compat",
    "get_command_stats": "dreamos_metrics.compat",
    "load_metrics": "dreamos_metrics.compat",
    "reset_stats": "dreamos_metrics.compat",
    "save_metrics": "dreamos_metrics.compat",
    "track_command": "dreamos_metrics.compat",
}


def load(name: str) -> Any:
    """Return the object of a lazy name.

    Raises:
        KeyError: there is no such name.
    """
    return getattr(importlib.import_module(HOME_OF_LAZY_NAME[name]), name)
