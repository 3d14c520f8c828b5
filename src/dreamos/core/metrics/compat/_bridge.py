"""`BridgeMetrics`: requests to the bridges, and how they went."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import Any

from ._base import BaseMetrics


class BridgeMetrics(BaseMetrics):
    """Requests to the ChatGPT, Cursor and other bridges.

    Exported as `dreamos_bridge_requests_total`, `dreamos_bridge_successes_total`,
    `dreamos_bridge_errors_total{bridge,operation}` and `dreamos_bridge_duration_seconds`. The
    text of an error stays inside the process.
    """

    _units = MappingProxyType({"bridge_duration": "seconds"})

    def __init__(self, metrics_dir: object = None) -> None:
        super().__init__("bridge", metrics_dir)
        self._last: dict[str, Any] = {"last_request": None, "last_error": None}

    def record_request(self, bridge_type: str, operation: str) -> None:
        """Count one request."""
        self.increment("bridge_requests", tags={"bridge": bridge_type, "operation": operation})
        self._last["last_request"] = time.time()

    def record_success(self, bridge_type: str, operation: str, duration: float) -> None:
        """Count one success that took so many seconds."""
        tags = {"bridge": bridge_type, "operation": operation}
        self.increment("bridge_successes", tags=tags)
        self.histogram("bridge_duration", duration, tags)

    def record_error(self, bridge_type: str, operation: str, error: object) -> None:
        """Count one failure and remember its text."""
        self.increment("bridge_errors", tags={"bridge": bridge_type, "operation": operation})
        self._last["last_error"] = str(error)

    def get_metrics(self) -> dict[str, Any]:
        """Return `BaseMetrics.get_metrics`, and last_request and last_error."""
        return {**super().get_metrics(), **self._last}

    def reset(self) -> None:
        """Forget what this object counted, the last request and the last error."""
        super().reset()
        self._last = dict.fromkeys(self._last)
