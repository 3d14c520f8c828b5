"""`LogMetrics`: entries by level, platform and status."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dreamos_metrics.compat.base import BaseMetrics


class LogMetrics(BaseMetrics):
    """Log entries of Dream.OS' own log manager.

    Exported as `dreamos_log_entries_total{level,platform,status}`, `dreamos_log_errors_total` and
    `dreamos_log_rotations_total`. The text of an error stays inside the process.
    """

    def __init__(self, metrics_dir: object = None) -> None:
        super().__init__("log_metrics", metrics_dir)
        self.last_error: datetime | None = None
        self.last_error_message: str | None = None
        self.last_rotation: datetime | None = None

    def record_log(self, level: str, platform: str, status: str = "success") -> None:
        """Count one entry."""
        tags = {"level": str(level).lower(), "platform": platform, "status": status}
        self.increment("log_entries", tags=tags)

    def record_error(self, message: str) -> None:
        """Count one error and remember its time and text."""
        self.increment("log_errors")
        self.last_error = datetime.now()
        self.last_error_message = str(message)

    def record_rotation(self) -> None:
        """Count one rotation of the log file."""
        self.increment("log_rotations")
        self.last_rotation = datetime.now()

    def get_metrics(self) -> dict[str, Any]:
        """Return `BaseMetrics.get_metrics`, and last_error, last_error_message, last_rotation.

        Times are ISO 8601 text in local time, None while there was none.
        """
        return {
            **super().get_metrics(),
            "last_error": self.last_error.isoformat() if self.last_error else None,
            "last_error_message": self.last_error_message,
            "last_rotation": self.last_rotation.isoformat() if self.last_rotation else None,
        }
