"""Export of names and tags that nobody planned for, without ever failing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dreamos_metrics.instrumentation.capped_label import CappedLabel
from dreamos_metrics.instrumentation.path_label import label_for
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import Histogram

#: Old histograms hold seconds or bytes, and do not say which: both ranges, coarsely.
BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 1024, 65536, 1048576, 16777216)

_ODD = re.compile(r"[^a-zA-Z0-9_]+")
_RESERVED = frozenset({"job", "agent", "incarnation", "le", "quantile", "instance"})

Tags = Mapping[str, object] | None


class Export:
    """The registry's side of one old metrics object."""

    def __init__(self, component: str, units: Mapping[str, str]) -> None:
        self._component = _plain(component)
        self._units = units
        self._metrics: dict[tuple[str, str, tuple[str, ...]], Any] = {}
        self._values: dict[tuple[str, str], CappedLabel] = {}

    def counter(self, name: str, value: float, tags: Tags) -> None:
        """Add to `dreamos_<component>_<name>_total`."""
        self._record(Counter, name, "_total", tags, lambda series: series.inc(value))

    def gauge(self, name: str, value: float, tags: Tags) -> None:
        """Set `dreamos_<component>_<name>`."""
        self._record(Gauge, name, "", tags, lambda series: series.set(value))

    def histogram(self, name: str, value: float, tags: Tags) -> None:
        """Observe in `dreamos_<component>_<name>`."""
        self._record(Histogram, name, "", tags, lambda series: series.observe(value))

    def _record(
        self, kind: Any, name: str, suffix: str, tags: Tags, use: Callable[[Any], None]
    ) -> None:
        try:
            labels = {_label(tag): (tag, value) for tag, value in sorted((tags or {}).items())}
            metric = self._metric(kind, _plain(name), suffix, tuple(labels))
            values = [self._value(name, tag, value) for tag, value in labels.values()]
            use(metric.labels(*values) if values else metric)
        except Exception as error:  # noqa: BLE001 - the old classes never raised for a metric
            record_error("compat_export", f"{self._component} {name}: {error}")

    def _metric(self, kind: Any, name: str, suffix: str, labels: tuple[str, ...]) -> Any:
        key = (kind.__name__, name, labels)
        metric = self._metrics.get(key)
        if metric is None:
            extra = {"buckets": BUCKETS} if kind is Histogram else {}
            unit = f"_{self._units[name]}" if name in self._units else ""
            full = _name(self._component, name) + unit + suffix
            metric = kind(full, f"{name}, from an old metrics class", list(labels), **extra)
            self._metrics[key] = metric
        return metric

    def _value(self, name: str, tag: str, value: object) -> str:
        if tag == "path":
            return label_for(value)
        key = (name, tag)
        if key not in self._values:
            self._values[key] = CappedLabel(_label(tag))
        return self._values[key](value)


def _plain(name: object) -> str:
    return _ODD.sub("_", str(name)).strip("_").lower() or "unnamed"


def _name(component: str, metric: str) -> str:
    # `log` and `log_entries` make dreamos_log_entries, not dreamos_log_log_entries.
    return f"dreamos_{component}_{metric.removeprefix(component + '_')}"


def _label(tag: object) -> str:
    name = _plain(tag)
    return f"tag_{name}" if name in _RESERVED or name[0].isdigit() else name
