"""Metrics of file operations: filled by the file tools, the logging handler and the old classes."""

from __future__ import annotations

import math
from typing import Literal

from dreamos_metrics.instrumentation.capped_label import CappedLabel, error_type
from dreamos_metrics.instrumentation.path_label import label_for
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import Histogram

#: What an operation does: it reads a file, changes a file, or works on a folder.
Kind = Literal["read", "write", "directory"]

_LABELS = ["path", "operation"]

_DONE: dict[Kind, Counter] = {
    "read": Counter("file_ops_read_total", "Total file reads", _LABELS),
    "write": Counter("file_ops_write_total", "Total file writes", _LABELS),
    "directory": Counter("file_ops_directory_total", "Total directory operations", _LABELS),
}
_FAILED: dict[Kind, Counter] = {
    "read": Counter(
        "file_ops_read_errors_total", "Total file reads that failed", [*_LABELS, "error_type"]
    ),
    "write": Counter(
        "file_ops_write_errors_total", "Total file writes that failed", [*_LABELS, "error_type"]
    ),
    "directory": Counter(
        "file_ops_directory_errors_total",
        "Total directory operations that failed",
        [*_LABELS, "error_type"],
    ),
}
_BYTES = Counter("file_ops_bytes_total", "Bytes on disk that were read and written", ["operation"])
_SIZE = Gauge("file_size_bytes", "File size in bytes", ["path"], multiprocess_mode="mostrecent")
_DURATION = Histogram(
    "file_operation_duration_seconds", "Time spent on file operations", ["operation"]
)
_EVENTS = Counter(
    "dreamos_file_events_total",
    "Changes of files that somebody count_watcher_event and logged: created, modified, deleted",
    ["event"],
)
_operation = CappedLabel("operation", cap=50)


def succeeded(
    kind: Kind,
    operation: str,
    path: object,
    *,
    moved: int | None = None,
    size: int | None = None,
    seconds: float | None = None,
    label: str | None = None,
) -> None:
    """Count one operation that worked.

    `moved` is how many bytes went from or to the disk, `size` how large the file is now.
    What is None was not measured and is left out.
    """
    operation = _operation(operation)
    where = label_for(path, directory=kind == "directory", given=label)
    _DONE[kind].labels(where, operation).inc()
    if moved is not None:
        _BYTES.labels(operation).inc(moved)
    if size is not None:
        _SIZE.labels(where).set(size)
    observe_duration(operation, seconds)


def failed(
    kind: Kind,
    operation: str,
    path: object,
    error: object,
    *,
    seconds: float | None = None,
    label: str | None = None,
) -> None:
    """Count one operation that failed; of `error` only the name of its class is used."""
    operation = _operation(operation)
    where = label_for(path, directory=kind == "directory", given=label)
    _FAILED[kind].labels(where, operation, error_type(error)).inc()
    observe_duration(operation, seconds)


def observe_duration(operation: str, seconds: float | None) -> None:
    """Record how long one operation observe_duration, when that is known and makes sense."""
    if seconds is None:
        return
    if not math.isfinite(seconds) or seconds < 0:
        record_error("value", f"a file operation observe_duration {seconds} s")
        return
    _DURATION.labels(operation).observe(seconds)


def count_watcher_event(event: str) -> None:
    """Count one change that a watcher saw; it is no operation of this agent."""
    _EVENTS.labels(event).inc()
