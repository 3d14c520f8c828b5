"""`FileMetrics`: reads, writes, errors and directory operations by path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dreamos_metrics.compat.base import BaseMetrics
from dreamos_metrics.instrumentation import file_metrics


class FileMetrics(BaseMetrics):
    """File operations that happened elsewhere and are only reported here.

    Exported as the seed's metrics (`file_ops_read_total`, …), with the bounded path label.
    `get_metrics()` keeps the absolute paths, as it always did; it stays inside the process.
    """

    _exported = False

    def __init__(self, metrics_dir: object = None) -> None:
        super().__init__("file_metrics", metrics_dir)

    def record_read(self, path: Any, bytes_read: int, encoding: str = "utf-8") -> None:
        """Count one read of so many bytes."""
        self.increment("file_reads", tags={"path": _absolute(path), "encoding": encoding})
        self.histogram("file_read_bytes", bytes_read)
        file_metrics.succeeded("read", "read", path, moved=_size(bytes_read))

    def record_write(self, path: Any, bytes_written: int, encoding: str = "utf-8") -> None:
        """Count one write of so many bytes."""
        self.increment("file_writes", tags={"path": _absolute(path), "encoding": encoding})
        self.histogram("file_write_bytes", bytes_written)
        size = _size(bytes_written)
        file_metrics.succeeded("write", "write", path, moved=size, size=size)

    def record_error(self, path: Any, operation: str, error: object) -> None:
        """Count one failure; of `error` the class counts, if it is an exception."""
        self.increment("file_errors", tags={"path": _absolute(path), "operation": operation})
        kind: file_metrics.Kind = "read" if "read" in str(operation).lower() else "write"
        named = error if isinstance(error, (BaseException, type)) else "unknown"
        file_metrics.failed(kind, operation, path, named)

    def record_directory_operation(self, path: Any, operation: str) -> None:
        """Count one operation on a folder."""
        tags = {"path": _absolute(path), "operation": operation}
        self.increment("directory_operations", tags=tags)
        file_metrics.succeeded("directory", operation, path)


def _absolute(path: Any) -> str:
    try:
        return str(Path(os.fsdecode(path)).resolve())
    except (TypeError, ValueError, OSError, RuntimeError):
        return repr(type(path))


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
