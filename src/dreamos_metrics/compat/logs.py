"""`LogMetrics`: entries by level, platform and status, and figures that log managers record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dreamos_metrics.compat.base import BaseMetrics, Tags
from dreamos_metrics.compat.json_file import JSONFile, read_json
from dreamos_metrics.compat.recordings import Moment, Recordings
from dreamos_metrics.instrumentation.capped_label import is_number, plain_number
from dreamos_metrics.metrics.errors import record_error


class LogMetrics(BaseMetrics):
    """Log entries of Dream.OS' own log manager.

    Exported as `dreamos_log_entries_total{level,platform,status}`, `dreamos_log_errors_total` and
    `dreamos_log_rotations_total`; what `record_metric` is given as `dreamos_log_recorded`, a
    histogram by `metric`. The text of an error, tags and metadata stay inside the process.
    """

    def __init__(self, metrics_dir: object = None) -> None:
        super().__init__("log_metrics", metrics_dir)
        self._recorded = Recordings()
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

    def record_metric(
        self,
        metric_type: str,
        value: float,
        tags: Iterable[str] | Tags = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Record one value of a kind of metric; the last 1000 of each kind are kept with its time.

        Anything but a number is counted (reason `value`) and changes nothing.
        """
        if not is_number(value):
            record_error("value", "record_metric takes a number")
            return
        value = plain_number(value)
        with self._lock:
            self._recorded.add(str(metric_type), value, tags, metadata)
        self._export.histogram("recorded", value, {"metric": metric_type})

    def get_metrics(
        self,
        metric_type: str | None = None,
        start_time: Moment = None,
        end_time: Moment = None,
    ) -> dict[str, Any]:
        """Return what was counted, or what was recorded.

        Without arguments: `BaseMetrics.get_metrics`, `recorded` as below, and last_error,
        last_error_message, last_rotation; times are ISO 8601 text in local time, None while there
        was none. With any: the entries of that kind and time, by kind, each with timestamp, value,
        tags and metadata. Times are `datetime`, ISO 8601 text or Unix time; both ends belong to it.
        """
        with self._lock:
            entries = self._recorded.entries(metric_type, start_time, end_time)
        if (metric_type, start_time, end_time) != (None, None, None):
            return entries
        return {
            **super().get_metrics(),
            "recorded": entries,
            "last_error": self.last_error.isoformat() if self.last_error else None,
            "last_error_message": self.last_error_message,
            "last_rotation": self.last_rotation.isoformat() if self.last_rotation else None,
        }

    def get_summary(
        self,
        metric_type: str | None = None,
        start_time: Moment = None,
        end_time: Moment = None,
    ) -> dict[str, dict[str, float]]:
        """Return count, sum, min, max and avg of the recorded values, by kind of metric."""
        with self._lock:
            return self._recorded.summary(metric_type, start_time, end_time)

    def save_metrics(self, filepath: str | Path | None = None) -> None:
        """Write everything as JSON, by default into the folder's `log_metrics_metrics.json`.

        A failure is counted, not raised.
        """
        JSONFile(self._path(filepath)).write(self.get_metrics())

    def load_metrics(self, filepath: str | Path | None = None) -> None:
        """Take over what `save_metrics` wrote. What is exported does not change: it was already.

        A file that is missing or damaged changes nothing.
        """
        content = read_json(self._path(filepath))
        if content is not None:
            with self._lock:
                self._take_over(content)
                self._recorded.take_over(content.get("recorded"))

    def clear_metrics(self) -> None:
        """Forget what this object counted and recorded; what was exported stays."""
        self.reset()

    def reset(self) -> None:
        """Forget what this object counted and recorded; what was exported stays."""
        with self._lock:
            super().reset()
            self._recorded.clear()
            self.last_error = self.last_error_message = self.last_rotation = None

    def _path(self, filepath: str | Path | None) -> Path:
        # Old log managers hand their configuration over in place of a folder.
        folder = self.metrics_dir if isinstance(self.metrics_dir, (str, Path)) else "metrics"
        return Path(filepath or Path(folder) / f"{self.name}_metrics.json")
