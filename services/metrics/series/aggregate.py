"""Values of several processes become the agent's: exact sums, and gauges as they ask.

Sums are carried in two floats (the sum and what rounding lost), so the result does not depend
on the order in which processes came and ended. Without that a counter could fall by one unit in
the last place when a process ends, and Prometheus would take the fall for a reset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.metrics.series.merge import Merged, Placement, merge
from services.metrics.series.select import lasting
from services.metrics.series.series_list import (
    CREATED,
    MAX,
    MIN,
    RECENT,
    SUM,
    Floats,
    Ints,
    SeriesList,
)


class Part(NamedTuple):
    """One contribution: a list, its values, and what rounding lost of them (None: nothing)."""

    series: SeriesList
    values: Floats
    lost: Floats | None = None


def add(total: Floats, lost: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Add ``values`` to a sum carried in two floats (Knuth's two-sum)."""
    result = total + values
    with np.errstate(invalid="ignore"):
        share = result - total
        error = (total - (result - share)) + (values - share)
    error[~np.isfinite(result)] = 0.0
    return result, lost + error


def combine(merged: Merged, parts: Sequence[Part]) -> Floats:
    """Return the value of every series of the union.

    Args:
        merged: the union of the parts' lists, in the same order.
        parts: retired totals first, then the living, the one that pushed last at the end.
    """
    total, lost = _sum(merged, parts)
    return total if lost is None else total + lost


def _sum(merged: Merged, parts: Sequence[Part]) -> tuple[Floats, Floats | None]:
    if len(parts) == 1 and merged.placements[0] is None:
        return parts[0].values, parts[0].lost
    size = len(merged.series)
    special = merged.series.special
    total, lost = np.zeros(size), np.zeros(size)
    chosen = {role: np.full(len(where), np.nan) for role, where in special.items()}
    for part, place in zip(parts, merged.placements, strict=True):
        total, lost = add(total, lost, _spread(part.values, place, size, 0.0))
        if part.lost is not None:
            lost = lost + _spread(part.lost, place, size, 0.0)
        if special:
            offered = _spread(part.values, place, size, np.nan)
            _choose(chosen, merged.series, offered)
    for role, where in special.items():
        total[where], lost[where] = chosen[role], 0.0
    _sum_what_is_told(total, merged, parts)
    return total, lost


def _sum_what_is_told(total: Floats, merged: Merged, parts: Sequence[Part]) -> None:
    """Add gauges up without the processes that say NaN, as the other ways of combining do."""
    untold = np.flatnonzero(np.isnan(total))
    untold = untold[merged.series.roles[untold] == SUM]
    if not len(untold):
        return
    places = zip(parts, merged.placements, strict=True)
    offered = np.array([
        _spread(part.values, place, len(total), np.nan)[untold] for part, place in places
    ])  # fmt: skip
    told = (~np.isnan(offered)).any(axis=0)
    with np.errstate(invalid="ignore"):  # an endless one and its opposite are NaN
        total[untold] = np.where(told, np.nansum(offered, axis=0), np.nan)


def _spread(values: Floats, place: Placement | None, size: int, empty: float) -> Floats:
    return values if place is None else place.spread(values, size, empty)


def _choose(chosen: dict[int, Floats], series: SeriesList, values: Floats) -> None:
    for role, where in series.special.items():
        offered = values[where]
        if role == MAX:
            chosen[role] = np.fmax(chosen[role], offered)
        elif role in (MIN, CREATED):
            chosen[role] = np.fmin(chosen[role], offered)
        elif role == RECENT:
            chosen[role] = np.where(_tells(series.recent, offered), offered, chosen[role])


def _tells(metrics: Ints | None, offered: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell for which series a part has the latest value.

    The quantiles of a summary are one process' or another's, never some of each: they are of
    different observations, and could fall from one quantile to the next.
    """
    known: np.ndarray[tuple[int], np.dtype[np.bool_]] = ~np.isnan(offered)
    if metrics is None:
        return known
    having = np.bincount(metrics, weights=known) > 0
    return having[metrics]


def fold(retired: Part | None, ended: Part, sign: float = 1.0) -> Part:
    """Add what lasts of a process that ended to the retired totals, or take it out again.

    Args:
        retired: the totals so far.
        ended: the last snapshot of the process.
        sign: 1 to add, -1 to take out (a lost process speaks again).
    """
    series, positions = lasting(ended.series)
    values = ended.values[positions]
    if retired is None:
        return Part(series, sign * values, np.zeros(len(values)))
    merged = merge((retired.series, series))
    size = len(merged.series)
    before, now = merged.placements
    total = _spread(retired.values, before, size, 0.0)
    total, lost = add(
        total,
        _spread(_lost(retired), before, size, 0.0),
        sign * _spread(values, now, size, 0.0),
    )
    where = merged.series.special.get(CREATED)
    if where is not None:
        old = _spread(retired.values, before, size, np.nan)[where]
        new = _spread(values, now, size, np.nan)[where]
        total[where], lost[where] = np.fmin(old, new), 0.0
    return Part(merged.series, total, lost)


def total_of(parts: Sequence[Part]) -> Part:
    """Return the sum of some contributions of one process."""
    if len(parts) == 1:
        return parts[0]
    merged = merge([part.series for part in parts])
    return Part(merged.series, combine(merged, parts))


def _lost(part: Part) -> Floats:
    return np.zeros(len(part.values)) if part.lost is None else part.lost
