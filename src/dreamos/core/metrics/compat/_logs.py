"""`LogMetrics`: entries by level, platform and status."""

from __future__ import annotations

import time
from typing import Any

from ._base import BaseMetrics


class LogMetrics(BaseMetrics):
    """Log entries of Dream.OS' own log manager.

    Exported as `dreamos_log_entries_total{level,platform,status}`, `dreamos_log_errors_total` and
    `dreamos_log_rotations_total`. The text of an error stays inside the process.
    """

    def __init__(self, metrics_dir: object = None) -> None:
        super().__init__("log", metrics_dir)
        self._last: dict[str, Any] = {
            "last_error": None,
            "last_error_message": None,
            "last_rotation": None,
        }

    def record_log(self, level: str, platform: str, status: str = "success") -> None:
        """Count one entry."""
        tags = {"level": level, "platform": platform, "status": status}
        self.increment("log_entries", tags=tags)

    def record_error(self, message: str) -> None:
        """Count one error and remember its time and text."""
        self.increment("log_errors")
        self._last["last_error"] = time.time()
        self._last["last_error_message"] = str(message)

    def record_rotation(self) -> None:
        """Count one rotation of the log file."""
        self.increment("log_rotations")
        self._last["last_rotation"] = time.time()

    def get_metrics(self) -> dict[str, Any]:
        """Return `BaseMetrics.get_metrics`, and last_error, last_error_message, last_rotation."""
        return {**super().get_metrics(), **self._last}

    def reset(self) -> None:
        """Forget what this object counted, the last error and the last rotation."""
        super().reset()
        self._last = dict.fromkeys(self._last)
