"""`BaseMetrics`: counters, gauges and histograms by name and tags, kept in dictionaries."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from dreamos_metrics.compat.export import Export
from dreamos_metrics.compat.fork_safe import ForkSafe
from dreamos_metrics.compat.json_file import JSONFile
from dreamos_metrics.compat.observations import Observations
from dreamos_metrics.instrumentation.capped_label import OTHER, is_number, plain_number
from dreamos_metrics.metrics import snapshot_hooks
from dreamos_metrics.metrics.errors import record_error

Tags = Mapping[str, object] | None
#: How many tag sets one object remembers by itself; further ones are added up under `(other)`.
MAX_KEYS = 10_000


class BaseMetrics(ForkSafe):
    """Counters, gauges and histograms of one component.

    `metrics_dir` is the folder for `<name>_metrics.json`; without it nothing is written. Each
    metric is also exported as `dreamos_<name>_<metric>` (counters with `_total`; of a name that
    ends in `_metrics` without that), with the tags as labels: a tag `path` as the path label is set
    up, other tags up to 100 values each.
    """

    _exported = True
    _units: ClassVar[Mapping[str, str]] = {}

    def __init__(self, name: str, metrics_dir: object = None) -> None:
        super().__init__()
        self.name = str(name)
        self.start_time = datetime.now()
        self.metrics_dir = metrics_dir or Path("metrics")
        self._counters: dict[str, float] = {}
        self._gauges: dict[str, float] = {}
        self._histograms: dict[str, Observations] = {}
        self._export = Export(self.name.removesuffix("_metrics"), self._units)
        self._file = _file(self.name, metrics_dir)
        if self._file is not None:
            _save_now_and_then(self)

    def increment(self, name: str, value: float = 1, tags: Tags = None) -> None:
        """Add `value` to a counter."""
        if not is_number(value):
            record_error("value", "increment takes a number")
            return
        value = plain_number(value)
        with self._lock:
            key = _key(self._counters, name, tags)
            self._counters[key] = self._counters.get(key, 0) + value
        if self._exported:
            self._export.counter(name, value, tags)

    def gauge(self, name: str, value: float, tags: Tags = None) -> None:
        """Set a gauge."""
        if not is_number(value):
            record_error("value", "gauge takes a number")
            return
        value = plain_number(value)
        with self._lock:
            self._gauges[_key(self._gauges, name, tags)] = value
        if self._exported:
            self._export.gauge(name, value, tags)

    def histogram(self, name: str, value: float, tags: Tags = None) -> None:
        """Add an observation to a histogram."""
        if not is_number(value):
            record_error("value", "histogram takes a number")
            return
        value = plain_number(value)
        with self._lock:
            key = _key(self._histograms, name, tags)
            self._histograms.setdefault(key, Observations()).add(value)
        if self._exported:
            self._export.histogram(name, value, tags)

    def get_metrics(self) -> dict[str, Any]:
        """Return what this object counted: name, uptime (seconds), counters, gauges, histograms.

        The key of a series is `name` or `name{tag=value,tag2=value2}`, tags sorted. A histogram is
        its count, sum, min, max and avg.
        """
        with self._lock:
            return {
                "name": self.name,
                "uptime": (datetime.now() - self.start_time).total_seconds(),
                "counters": dict(self._counters),
                "gauges": dict(self._gauges),
                "histograms": {key: seen.summary() for key, seen in self._histograms.items()},
            }

    def reset(self) -> None:
        """Forget what this object counted; what was exported stays, counters only rise."""
        with self._lock:
            self._counters.clear()
            self._gauges.clear()
            self._histograms.clear()

    def _take_over(self, content: Mapping[str, Any]) -> None:
        """Go on from what `get_metrics` returned earlier; what is damaged is left out."""
        self._counters = _numbers(content.get("counters"))
        self._gauges = _numbers(content.get("gauges"))
        histograms = content.get("histograms")
        self._histograms = {
            str(key): Observations.of_summary(summary)
            for key, summary in (histograms if isinstance(histograms, Mapping) else {}).items()
            if isinstance(summary, Mapping)
        }

    def save(self) -> None:
        """Write the JSON file now, if a folder was named. A failure is counted, not raised."""
        if self._file is not None:
            self._file.write(self.get_metrics())


def _key(table: Mapping[str, object], name: str, tags: Tags) -> str:
    pairs = sorted((str(k), str(v)) for k, v in tags.items()) if tags else []
    key = f"{name}{{{','.join(f'{k}={v}' for k, v in pairs)}}}" if pairs else str(name)
    return key if key in table or len(table) < MAX_KEYS else f"{name}{{{OTHER}}}"


def _numbers(table: object) -> dict[str, float]:
    if not isinstance(table, Mapping):
        return {}
    return {str(key): value for key, value in table.items() if is_number(value)}


def _file(name: str, metrics_dir: object) -> JSONFile | None:
    if metrics_dir is None or metrics_dir == "":
        return None
    if isinstance(metrics_dir, (str, Path)):
        return JSONFile(Path(metrics_dir) / f"{name}_metrics.json")
    # Old callers hand a configuration object over; it never was a folder.
    record_error("compat_folder", f"metrics_dir is a {type(metrics_dir).__name__}")
    return None


def _save_now_and_then(metrics: BaseMetrics) -> None:
    file = metrics._file
    if file is None:
        return
    reference = weakref.ref(metrics)

    def due() -> None:
        living = reference()
        if living is None:
            snapshot_hooks.remove_hook(due)
        elif file.is_due():
            living.save()

    snapshot_hooks.on_snapshot(due)
    file.at_exit(metrics)
