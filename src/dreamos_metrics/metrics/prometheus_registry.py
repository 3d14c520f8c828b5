"""Bridge between our metrics and prometheus_client's registry, both ways.

Ours are registered there, so its exporters show them. What other libraries declare there is pushed
too.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import prometheus_client
from prometheus_client.core import Exemplar, Metric

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY, Family, Series
from dreamos_metrics.metrics.names import format_bound
from dreamos_metrics.metrics.snapshot_hooks import on_snapshot


class DefaultRegistry:
    """Stand-in for prometheus_client's global registry, as the default of an argument."""


DEFAULT_REGISTRY = DefaultRegistry()


def empty_metric(family: Family) -> Metric:
    """Return a family without samples, as prometheus_client has it."""
    return Metric(family.name, family.documentation, family.kind, family.unit)


def collect(family: Family) -> Metric:
    """Return a family with what this process shows of it, as prometheus_client has it."""
    metric = empty_metric(family)
    for series in family.series():
        labels = dict(zip(family.labelnames, series._values, strict=True))
        exemplars = family.exemplars.get(series, {})
        for index, (suffix, more, value) in enumerate(samples(family, series)):
            kept = exemplars.get(index)
            exemplar = Exemplar(dict(kept[0]), *kept[1:]) if kept else None
            metric.add_sample(family.name + suffix, {**labels, **more}, value, exemplar=exemplar)
    return metric


def samples(family: Family, series: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield suffix, further labels and value of each sample line of a series."""
    read = series._shown()
    if not read:
        return
    if family.kind == "counter":
        yield from (("_total", {}, read[0]), ("_created", {}, read[1]))
    elif family.kind == "gauge":
        for value in read_gauge(family, series):
            yield "", {}, value
    elif family.kind == "stateset":
        for index, state in enumerate(family.states):
            yield "", {family.name: state}, float(index == read[0])
    elif family.kind == "summary":
        yield from (("_count", {}, read[0]), ("_sum", {}, read[1]), ("_created", {}, read[2]))
    elif family.kind == "histogram":
        counts = list(accumulate(read[1:-1]))
        for bound, count in zip(family.bounds, counts, strict=True):
            yield "_bucket", {"le": format_bound(bound)}, count
        yield "_count", {}, counts[-1]
        if family.bounds[0] >= 0:
            yield "_sum", {}, read[0]
        yield "_created", {}, read[-1]
    elif series in family.texts:
        yield "_info", dict(family.texts[series]), 1.0


def read_gauge(family: Family, series: Any) -> list[float]:
    """Return a gauge's slots: what its function says, nothing when it raises, or what is stored."""
    function = family.functions.get(series)
    if function is None:
        found: list[float] = series._read()
        return found
    try:
        return [float(function())]
    except Exception as error:  # noqa: BLE001 - a function of the user's
        detail = f"{family.describe()}: {type(error).__name__}: {error}"
        record_error("gauge_function", detail, about=family.name)
        return []


def register(family: Family, registry: Any) -> None:
    """Register `family` with a prometheus_client registry (`DEFAULT_REGISTRY`: its global one;
    None: nowhere).

    Raises:
        ValueError: the name is taken there by somebody else's metric; the message names both.
    """
    target = prometheus_client.REGISTRY if registry is DEFAULT_REGISTRY else registry
    if target is None:
        return
    family.registry = weakref.ref(target)
    try:
        target.register(family.root)
    except ValueError as error:
        raise ValueError(
            f"{family.describe()} at {family.place}: the name is taken in prometheus_client's "
            f"registry by {_owner(target, family.name)}"
        ) from error


def home(registry: Any) -> Any:
    """Return a weak reference to a registry of one's own; None for every other."""
    usual = registry is None or registry is DEFAULT_REGISTRY
    return None if usual or registry is prometheus_client.REGISTRY else weakref.ref(registry)


def is_registered(family: Family, *, otherwise: bool = False) -> bool:
    """Whether a family is where it was registered; `otherwise` when there is no such registry."""
    if family.registry is None:
        return True
    target = family.registry()
    if target is None:
        return otherwise
    collectors = getattr(target, "_collector_to_names", None)
    return collectors is None or family.root in collectors


@on_snapshot
def forget_unregistered() -> None:
    """Push no longer what was taken out of its registry (`REGISTRY.unregister(counter)`)."""
    for family in list(REGISTRY.families.values()):
        if not is_registered(family, otherwise=True):
            REGISTRY.forget(family)


def _owner(registry: Any, name: str) -> str:
    names = getattr(registry, "_names_to_collectors", {})
    for known, collector in names.items():
        if known == name or known.startswith(name + "_"):
            return f"{collector!r}"
    return "another collector"


def third_party_collectors() -> list[Any]:
    """Return what others registered with prometheus_client's global registry."""
    registry = prometheus_client.REGISTRY
    with registry._lock:
        everyone = list(registry._collector_to_names)
    return [collector for collector in everyone if not isinstance(collector, Series)]


def is_ours(name: str) -> bool:
    """Whether a family of this name is declared with us."""
    return name in REGISTRY.families
