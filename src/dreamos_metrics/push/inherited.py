"""Inherited counts: what a process has of other libraries that was not counted by it.

A forked process begins with its parent's counts, which the parent reports; they are taken off. Some
counters begin anew in the child by themselves (prometheus_client's multiprocess mode, a `reset()`,
what is read from the process' own state): there nothing is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.prometheus_registry import third_party_collectors

_KINDS = ("counter", "summary", "histogram")
#: A collector that once took longer is not asked before a fork.
_SLOW_SECONDS = 0.25

#: One counter, summary or histogram with its label values.
SeriesKey = tuple[str, tuple[tuple[str, str], ...]]
#: The values of its sample lines, by suffix and bound.
Values = dict[tuple[str, str], float]

_slow: set[int] = set()
_asking = False


class Inherited:
    """Counts that are taken off, by series."""

    def __init__(self, counts: dict[SeriesKey, Values] | None = None) -> None:
        self._counts = counts or {}

    def own_values(self, metric: Any, samples: Sequence[Any]) -> list[tuple[Any, float]]:
        """Return each sample with its value, without what was inherited."""
        if not self._counts or metric.type not in _KINDS:
            return [(sample, float(sample.value)) for sample in samples]
        now = _by_series(metric, samples)
        for key, values in now.items():
            base = self._counts.get(key)
            if base is not None and _began_anew(base, values):
                del self._counts[key]
        result = []
        for sample in samples:
            key, part = _place(metric, sample)
            value = float(sample.value)
            if _is_total(part):
                value -= self._counts.get(key, {}).get(part, 0.0)
            result.append((sample, value))
        return result

    def counts(self) -> dict[SeriesKey, Values]:
        """Return what is taken off."""
        return {key: dict(values) for key, values in self._counts.items()}


def inherited_counts() -> dict[SeriesKey, Values]:
    """Return the counts of other libraries' collectors as they are now (before a fork).

    Those that read the process' own state, which a fork begins anew, are not asked; nor is one that
    is slow. One that raises is left out.
    """
    global _asking
    found: dict[SeriesKey, Values] = {}
    if _asking:
        return found  # a collector that forks
    _asking = True
    try:
        for collector in third_party_collectors():
            if _is_inherited(collector) and id(collector) not in _slow:
                _ask(collector, found)
    finally:
        _asking = False
    return found


def _ask(collector: Any, found: dict[SeriesKey, Values]) -> None:
    began = monotonic()
    try:
        for metric in collector.collect():
            if metric.type in _KINDS and metric.name != "process_cpu_seconds":
                found.update(_by_series(metric, metric.samples))
    except Exception as error:  # noqa: BLE001 - somebody else's code
        detail = f"{type(collector).__name__}: {type(error).__name__}: {error}"
        record_error("foreign_collector", detail, about=type(collector).__name__)
    if monotonic() - began > _SLOW_SECONDS:
        _slow.add(id(collector))


def _is_inherited(collector: Any) -> bool:
    from prometheus_client import PlatformCollector, ProcessCollector, values
    from prometheus_client.metrics import MetricWrapperBase

    if isinstance(collector, ProcessCollector | PlatformCollector):
        return False
    # In its multiprocess mode each process has files of its own, which a child begins at zero.
    by_process = getattr(values.ValueClass, "__name__", "") == "MmapedValue"
    return not (by_process and isinstance(collector, MetricWrapperBase))


def _by_series(metric: Any, samples: Sequence[Any]) -> dict[SeriesKey, Values]:
    found: dict[SeriesKey, Values] = {}
    for sample, (key, part) in _placed(metric, samples):
        found.setdefault(key, {})[part] = float(sample.value)
    return found


def _placed(
    metric: Any, samples: Sequence[Any]
) -> Iterator[tuple[Any, tuple[SeriesKey, tuple[str, str]]]]:
    for sample in samples:
        yield sample, _place(metric, sample)


def _place(metric: Any, sample: Any) -> tuple[SeriesKey, tuple[str, str]]:
    """Return the series that a sample belongs to, and which of its lines it is."""
    labels = {str(name): str(value) for name, value in sample.labels.items()}
    bound = labels.pop("le", "") if metric.type == "histogram" else ""
    quantile = labels.pop("quantile", "") if metric.type == "summary" else ""
    suffix = sample.name.removeprefix(metric.name)
    return (metric.name, tuple(sorted(labels.items()))), (suffix, bound or quantile)


def _is_total(part: tuple[str, str]) -> bool:
    return part[0] in ("_total", "_count", "_sum", "_bucket")


def _began_anew(base: Values, now: Values) -> bool:
    """Whether a series is not the one that was inherited: it says so, or it is lower."""
    created = base.get(("_created", ""))
    if created is not None and now.get(("_created", ""), created) != created:
        return True
    return any(
        part in base and value < base[part]
        for part, value in now.items()
        if part[0] in ("_total", "_count", "_bucket")
    )
