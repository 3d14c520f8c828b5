"""Figures that the service makes itself: families of prometheus_client become a list of series."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from prometheus_client.core import Metric

from services.metrics.parsing.family_builder import FamilyBuilder, canonical
from services.metrics.series.aggregate import Part
from services.metrics.series.merge import metric_of
from services.metrics.series.series_list import Entry, Family, SeriesList

_NONE: frozenset[str] = frozenset()
Rows = tuple[tuple[object, ...], ...]


class LocalSource:
    """The latest families of one collector.

    The list is built anew only when other series are shown than before.
    """

    def __init__(self) -> None:
        self._shape: object = None
        self._order: list[int] = []
        self.part: Part | None = None

    def replace(self, families: Iterable[Metric]) -> Part:
        """Take over ``families`` in place of what was there; their labels are not changed again."""
        metrics = sorted(families, key=lambda metric: metric.name)
        samples = [sample for metric in metrics for sample in metric.samples]
        shape = (
            [(m.name, m.type, m.documentation, len(m.samples)) for m in metrics],
            [sample.name for sample in samples],
            [sample.labels for sample in samples],
        )
        values = np.array([sample.value for sample in samples], dtype=np.float64)
        if self.part is None or shape != self._shape:
            series, self._order = _build(metrics)
            self._shape = shape
        else:
            series = self.part.series
        self.part = Part(series, values[self._order] if len(values) else values)
        return self.part


def _build(metrics: list[Metric]) -> tuple[SeriesList, list[int]]:
    families: dict[str, Family] = {}
    rows: dict[str, list[tuple[Entry, str, int]]] = {}
    position = 0
    for metric in metrics:
        draft = FamilyBuilder(metric.name, 0, True, metric.type, metric.documentation, metric.unit)
        family = draft.family()
        families.setdefault(family.name, family)
        into = rows.setdefault(family.name, [])
        for sample in metric.samples:
            labels = canonical(list(sample.labels.items()), _NONE)
            suffix = sample.name[len(metric.name) :]
            entry = Entry(sample.name, labels, draft.role(suffix))
            into.append((entry, metric_of(family, labels), position))
            position += 1
    names = sorted(name for name, found in rows.items() if found)
    order: list[int] = []
    entries: list[list[Entry]] = []
    for name in names:
        first: dict[str, int] = {}
        for _, metric_key, _ in rows[name]:
            first.setdefault(metric_key, len(first))
        ordered = sorted(rows[name], key=lambda row: first[row[1]])
        entries.append([row[0] for row in ordered])
        order.extend(row[2] for row in ordered)
    return SeriesList([families[name] for name in names], entries), order
