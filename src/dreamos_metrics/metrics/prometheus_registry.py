"""Bridge between our metrics and prometheus_client's registry, both ways.

Ours are registered there, so its exporters show them. What other libraries declare there is pushed
too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

import prometheus_client
from prometheus_client.core import Metric

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY, Family
from dreamos_metrics.metrics.names import format_bound


class DefaultRegistry:
    """Stand-in for prometheus_client's global registry, as the default of an argument."""


DEFAULT_REGISTRY = DefaultRegistry()


class FamilyCollector:
    """Shows one of our families to a prometheus_client registry."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def describe(self) -> Iterable[Metric]:
        """Return the family without samples; the registry reserves its names."""
        return [self._empty()]

    def collect(self) -> Iterable[Metric]:
        """Return the family with the samples of this process."""
        metric = self._empty()
        for series in self.family.series():
            labels = dict(zip(self.family.labelnames, series._values, strict=True))
            for suffix, more, value in samples(self.family, series):
                metric.add_sample(self.family.name + suffix, {**labels, **more}, value)
        return [metric]

    def _empty(self) -> Metric:
        family = self.family
        return Metric(family.name, family.documentation, family.kind, family.unit)


def samples(family: Family, series: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield suffix, further labels and value of each sample line of a series."""
    read = series._read()
    if not read:
        return
    if family.kind == "counter":
        yield from (("_total", {}, read[0]), ("_created", {}, read[1]))
    elif family.kind == "gauge":
        yield "", {}, gauge_value(family, series, read[0])
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


def gauge_value(family: Family, series: Any, stored: float) -> float:
    """Return a gauge's value: what its function says (NaN when it raises), or what was stored."""
    function = family.functions.get(series)
    if function is None:
        return stored
    try:
        return float(function())
    except Exception as error:  # noqa: BLE001 - a function of the user's
        detail = f"{family.describe()}: {type(error).__name__}: {error}"
        record_error("gauge_function", detail, about=family.name)
        return float("nan")


def register(family: Family, registry: Any) -> None:
    """Register `family` with a prometheus_client registry (`DEFAULT_REGISTRY`: its global one;
    None: nowhere).

    Raises:
        ValueError: the name is taken there by somebody else's metric; the message names both.
    """
    target = prometheus_client.REGISTRY if registry is DEFAULT_REGISTRY else registry
    if target is None:
        return
    try:
        target.register(FamilyCollector(family))
    except ValueError as error:
        raise ValueError(
            f"{family.describe()} at {family.place}: the name is taken in prometheus_client's "
            f"registry by {_owner(target, family.name)}"
        ) from error


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
    return [collector for collector in everyone if not isinstance(collector, FamilyCollector)]


def is_ours(name: str) -> bool:
    """Whether a family of this name is declared with us."""
    return name in REGISTRY.families
