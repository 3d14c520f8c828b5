"""Third-party metrics: what other libraries count with prometheus_client, for our snapshot."""

from __future__ import annotations

import re
import time
from typing import Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.names import GROUPING, clean_value, escape
from dreamos_metrics.metrics.openmetrics import comment_lines
from dreamos_metrics.metrics.prometheus_registry import is_ours, third_party_collectors

#: Aggregates of gauges whose sum over an agent's processes would be nonsense.
_AGGREGATES = {
    "process_start_time_seconds": "min",
    "process_max_fds": "max",
    "python_info": "max",
}
#: Counters that begin with the process, of collectors that do not say so.
_PROCESS_COUNTERS = {
    "process_cpu_seconds",
    "python_gc_collections",
    "python_gc_objects_collected",
    "python_gc_objects_uncollectable",
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "summary": ("", "_count", "_sum", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "info": ("_info",),
    "stateset": ("",),
    "unknown": ("",),
}

#: A family's comment lines, the parts of its sample lines before the values, and the values.
ThirdPartyFamily = tuple[str, list[str], list[float]]

Baseline = dict[str, float]


def third_party_families(baseline: Baseline) -> list[ThirdPartyFamily]:
    """Return every family of prometheus_client's registry that is not ours.

    `baseline` holds what a forked process inherited of its parent's counts; it is taken off.
    A collector that raises is counted (reason `foreign_collector`) and left out.
    """
    result: list[ThirdPartyFamily] = []
    seen: set[str] = set()
    for collector in third_party_collectors():
        try:
            mode = getattr(collector, "_multiprocess_mode", "")
            for metric in collector.collect():
                if metric.name not in seen and not is_ours(metric.name):
                    seen.add(metric.name)
                    family = _family(metric, mode, baseline)
                    if family[1]:
                        result.append(family)
        except Exception as error:  # noqa: BLE001 - somebody else's code
            record_error("foreign_collector", f"{collector!r}: {type(error).__name__}: {error}")
    return result


_process_started = time.time()


def reset_start_time() -> None:
    """Note that the process began now: in a forked one."""
    global _process_started
    _process_started = time.time()


def _family(metric: Any, mode: str, baseline: Baseline) -> ThirdPartyFamily:
    lines: dict[str, float] = {}
    if metric.type in _SUFFIXES and _NAME.match(metric.name):
        for sample in metric.samples:
            if sample.name.removeprefix(metric.name) in _SUFFIXES[metric.type]:
                prefix = _prefix(sample)
                if prefix:
                    value = float(sample.value)
                    if baseline and not prefix.partition("{")[0].endswith("_created"):
                        value -= baseline.get(prefix, 0.0)
                    lines[prefix] = value
                    if metric.name in _PROCESS_COUNTERS:
                        lines[prefix.replace("_total", "_created", 1)] = _process_started
    aggregate = _AGGREGATES.get(metric.name, mode.removeprefix("live"))
    if metric.type != "gauge" or aggregate not in ("min", "max", "mostrecent"):
        aggregate = ""
    comment = comment_lines(metric.name, metric.type, metric.documentation or "", "", aggregate)
    return comment, list(lines), list(lines.values())


def _prefix(sample: Any) -> str:
    labels = []
    for name, value in sample.labels.items():
        if not _NAME.match(name) or ":" in name:
            return ""
        # The URL of the push sets these; two series that differ only there would become one.
        shown = f"exported_{name}" if name in GROUPING else name
        labels.append(f'{shown}="{escape(clean_value(value))}"')
    return f"{sample.name}{{{','.join(labels)}}}" if labels else str(sample.name)


def inherited_counts() -> Baseline:
    """Return the counts of prometheus_client's own metric objects as they are now (before a fork).

    Other collectors are not asked: they read the state of the process, which a fork starts anew,
    but for the garbage collector's counts.
    """
    from prometheus_client import GCCollector
    from prometheus_client.metrics import MetricWrapperBase

    baseline: Baseline = {}
    for collector in third_party_collectors():
        if isinstance(collector, MetricWrapperBase | GCCollector):
            for metric in collector.collect():
                if metric.type in ("counter", "summary", "histogram"):
                    for sample in metric.samples:
                        baseline[_prefix(sample)] = float(sample.value)
    return baseline
