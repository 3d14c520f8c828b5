"""Figures of the service itself."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from services.metrics.store.internal_metrics import LocalSource
from tests.unit.service.series.lists import shown


def families(value: float, label: str = "a") -> list[CounterMetricFamily | GaugeMetricFamily]:
    gauge = GaugeMetricFamily("z", "A gauge.", labels=["k"])
    gauge.add_metric([label], value)
    return [gauge, CounterMetricFamily("c", "A counter.", value=value)]


def test_the_list_stays_while_the_same_series_are_shown() -> None:
    source = LocalSource()
    first = source.replace(families(1))
    second = source.replace(families(2))
    assert first.series is second.series
    assert {"c_total": 2.0, 'z{k="a"}': 2.0} == shown(second)
    third = source.replace(families(3, "b"))
    assert {"c_total": 3.0, 'z{k="b"}': 3.0} == shown(third)
    assert {} == shown(source.replace([]))
