"""Reads families back: the value of one series, or all values of one name."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric


def value(families: Iterable[Metric], name: str, **labels: str) -> float | None:
    """Return the value of the series with exactly these labels, or None."""
    for family in families:
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def values(families: Iterable[Metric], name: str, label: str) -> dict[str, float]:
    """Return the values of all series of a name, by one label."""
    return {
        sample.labels[label]: float(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == name
    }
