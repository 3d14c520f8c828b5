"""Older classes that Dream.OS code knows, on top of the registry of today.

`BaseMetrics`, `FileMetrics`, `LogMetrics`, `BridgeMetrics` and `CommandMetrics` take the same calls
and answer `get_metrics()` in the same shape. What is new: every call is also counted in the
registry and thus pushed, nothing raises, memory is bounded, and the JSON file is written at most
every 30 seconds and at the end instead of on every call, and only when a folder was named.

`log_metrics`, `file_metrics` and `bridge_metrics` are ready-made objects that write no file.

New code is better off with `dreamos_metrics.files`, `logs` and `api_call`.
"""

from __future__ import annotations

from dreamos_metrics.compat.base import BaseMetrics
from dreamos_metrics.compat.bridge import BridgeMetrics
from dreamos_metrics.compat.commands import (
    CommandMetrics,
    get_command_stats,
    load_metrics,
    reset_stats,
    save_metrics,
    track_command,
)
from dreamos_metrics.compat.files import FileMetrics
from dreamos_metrics.compat.logs import LogMetrics

log_metrics = LogMetrics()
file_metrics = FileMetrics()
bridge_metrics = BridgeMetrics()

__all__ = [
    "BaseMetrics",
    "BridgeMetrics",
    "CommandMetrics",
    "FileMetrics",
    "LogMetrics",
    "bridge_metrics",
    "file_metrics",
    "get_command_stats",
    "load_metrics",
    "log_metrics",
    "reset_stats",
    "save_metrics",
    "track_command",
]
