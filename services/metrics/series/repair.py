"""Repair of totals that were added up bound by bound although the bounds differed.

The first format of the data file holds such totals: their buckets fall and stand in no order.
"""

from __future__ import annotations

import numpy as np

from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import Entry, Floats, Point, SeriesList


def repaired(part: Part) -> Part:
    """Return totals whose buckets stand in order, do not fall and do not exceed their count.

    Args:
        part: totals; returned as they are where nothing is wrong.
    """
    series = part.series
    values = part.values if part.lost is None else part.values + part.lost
    steps = series.steps
    sound = len(set(series.points)) == len(series) and not (values[steps] < values[steps - 1]).any()
    if sound and _in_order(series):
        return part
    rows: list[list[Entry]] = []
    found: list[float] = []
    for at in range(len(series.families)):
        entries, sums = _family(series, at, values)
        rows.append(entries)
        found.extend(sums)
    return Part(SeriesList(series.families, rows), np.array(found), np.zeros(len(found)))


def _in_order(series: SeriesList) -> bool:
    before: Point | None = None
    for point in series.points:
        if before is not None and before[:2] == point[:2] and (before[2] or 0) > (point[2] or 0):
            return False
        before = point
    return True


def _family(series: SeriesList, at: int, values: Floats) -> tuple[list[Entry], list[float]]:
    metrics: dict[str, dict[Point, tuple[Entry, float]]] = {}
    for i in range(series.starts[at], series.starts[at + 1]):
        point = series.points[i]
        metric = metrics.setdefault(point[1], {})
        entry = Entry(series.names[i], series.labels[i], int(series.roles[i]))
        known = metric.get(point)
        metric[point] = (entry, float(values[i])) if known is None else (
            known[0], known[1] + float(values[i]))  # fmt: skip
    entries, sums = [], []
    for metric in metrics.values():
        bounded = sorted((p[2], e, v) for p, (e, v) in metric.items() if p[2] is not None)
        count = next((v for p, (_, v) in metric.items() if p[0].endswith("_count")), np.inf)
        highest = 0.0
        for _, entry, value in bounded:
            highest = max(highest, min(value, count))
            entries.append(entry)
            sums.append(highest)
        for point, (entry, value) in metric.items():
            if point[2] is None:
                entries.append(entry)
                sums.append(value)
    return entries, sums
