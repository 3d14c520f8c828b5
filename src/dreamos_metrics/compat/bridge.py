"""`BridgeMetrics`: requests to the bridges, and how they went."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any

from dreamos_metrics.compat.base import BaseMetrics


class BridgeMetrics(BaseMetrics):
    """Requests to the ChatGPT, Cursor and other bridges.

    Exported as `dreamos_bridge_requests_total`, `dreamos_bridge_successes_total`,
    `dreamos_bridge_errors_total{bridge,operation}` and `dreamos_bridge_duration_seconds`.
    """

    _units = MappingProxyType({"bridge_duration": "seconds"})

    def __init__(self, metrics_dir: object = None) -> None:
        super().__init__("bridge_metrics", metrics_dir)
        self.last_request: datetime | None = None
        self.last_error: datetime | None = None

    def record_request(self, bridge_type: str, operation: str) -> None:
        """Count one request."""
        self.increment("bridge_requests", tags={"bridge": bridge_type, "operation": operation})
        self.last_request = datetime.now()

    def record_success(self, bridge_type: str, operation: str, duration: float) -> None:
        """Count one success that took so many seconds."""
        tags = {"bridge": bridge_type, "operation": operation}
        self.increment("bridge_successes", tags=tags)
        self.histogram("bridge_duration", duration, tags)

    def record_error(self, bridge_type: str, operation: str, error: object) -> None:
        """Count one failure and remember when; `error` is not kept."""
        self.increment("bridge_errors", tags={"bridge": bridge_type, "operation": operation})
        self.last_error = datetime.now()

    def get_metrics(self) -> dict[str, Any]:
        """Return `BaseMetrics.get_metrics`, and last_request and last_error.

        Times are ISO 8601 text in local time, None while there was none.
        """
        return {
            **super().get_metrics(),
            "last_request": self.last_request.isoformat() if self.last_request else None,
            "last_error": self.last_error.isoformat() if self.last_error else None,
        }
