"""Labels as text: pairs in their one form, and the label that is a place in a metric.

A bucket's ``le`` and a quantile's ``quantile`` do not name another metric; they say where in the
metric a sample stands. ``le="1"`` and ``le="1.0"`` are the same place.
"""

from __future__ import annotations

import re

PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_POINT = re.compile(r'(?:^|,)(?:le|quantile)="([^"]*)"')
PARTED = ("histogram", "summary")
"""Types whose metrics consist of several series."""


def metric_labels(kind: str, labels: str) -> str:
    """Return the labels that name the metric which a series is a part of.

    Args:
        kind: type of the family.
        labels: of the series, ``a="1",b="2"``.
    """
    if kind in PARTED:
        return _POINT.sub("", labels).lstrip(",")
    return labels


def bound_of(kind: str, family: str, name: str, labels: str) -> float | None:
    """Return the upper bound of a bucket or the rank of a quantile, None for any other series.

    Args:
        kind: type of the family.
        family: its name.
        name: of the sample.
        labels: of the series.
    """
    if not (kind == "histogram" and name == f"{family}_bucket") and not (
        kind == "summary" and name == family
    ):
        return None
    found = _POINT.search(labels)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
