"""Marks in a values file: what the service had taken of a killed process, and what was folded.

Whoever sends what it left must show it in the same way: a series that was shown by itself and is
folded then, or the other way round, would count twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dreamos_metrics.metrics.limits import Limits
from dreamos_metrics.metrics.shown_series import ShownSeries

#: The name of the gauge whose series are the marks.
MARKS = "dreamos_client_folded_series"
#: Stands for a metric's name in the mark of a push that was taken: what lies before it was shown.
TAKEN = ""
_Families = Sequence[tuple[Any, list[Any]]]


def as_shown(families: _Families, limits: Limits) -> list[tuple[Any, list[Any]]]:
    """Return what a killed process left in the shape in which it was shown, the new fitted in.

    Args:
        families: all of the file, marks among them.
        limits: of the service, as far as known.
    """
    folded: dict[str, dict[tuple[str, ...], int]] = {}
    taken = -1
    for family, found in families:
        if family.name == MARKS:
            for each in found:
                name, series = each._values
                if name == TAKEN:
                    taken = max(taken, each.place)
                else:
                    folded.setdefault(name, {})[tuple(json.loads(series))] = each.place
    # Gauges end with their process.
    totals = [(f, s) for f, s in families if f.kind in ("counter", "summary", "histogram")]
    own = {}
    for family, found in totals:
        marks = folded.get(family.name, {})
        until = min([taken, *marks.values()])
        own[family.name] = {s._values for s in found if s.place < until and s._values not in marks}
    shown = ShownSeries(own, {name: set(marks) for name, marks in folded.items()})
    return shown.plan(totals, limits, {}).families
