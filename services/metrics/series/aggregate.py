"""Values of several processes become the agent's: exact sums, and gauges as they ask.

Sums are carried in two floats (the sum and what rounding lost), so the result does not depend
on the order in which processes came and ended. Without that a counter could fall by one unit in
the last place when a process ends, and Prometheus would take the fall for a reset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.metrics.series.merge import Merged, lasting, merge
from services.metrics.series.series_list import CREATED, MAX, MIN, RECENT, Floats, Ints, SeriesList


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
    if len(parts) == 1 and merged.columns[0] is None:
        return parts[0].values, parts[0].lost
    size = len(merged.series)
    special = merged.series.special
    total, lost = np.zeros(size), np.zeros(size)
    chosen = {role: np.full(len(where), np.nan) for role, where in special.items()}
    for part, columns in zip(parts, merged.columns, strict=True):
        spread = _spread(part.values, columns, size, 0.0)
        total, lost = add(total, lost, spread)
        if part.lost is not None:
            lost = lost + _spread(part.lost, columns, size, 0.0)
        if special:
            _choose(chosen, special, _spread(part.values, columns, size, np.nan))
    for role, where in special.items():
        total[where], lost[where] = chosen[role], 0.0
    return total, lost


def _spread(values: Floats, columns: Ints | None, size: int, empty: float) -> Floats:
    if columns is None:
        return values
    wide = np.full(size, empty)
    wide[columns] = values
    return wide


def _choose(chosen: dict[int, Floats], special: dict[int, Ints], values: Floats) -> None:
    for role, where in special.items():
        offered = values[where]
        if role == MAX:
            chosen[role] = np.fmax(chosen[role], offered)
        elif role in (MIN, CREATED):
            chosen[role] = np.fmin(chosen[role], offered)
        elif role == RECENT:
            chosen[role] = np.where(np.isnan(offered), chosen[role], offered)


def fold(retired: Part | None, ended: Part, sign: float = 1.0) -> Part:
    """Add what lasts of a process that ended to the retired totals, or take it out again.

    Args:
        retired: the totals so far.
        ended: the last snapshot of the process.
        sign: 1 to add, -1 to take out (a lost process speaks again).
    """
    part, positions = lasting(ended.series)
    values = ended.values[positions]
    if retired is None:
        return Part(part, values, np.zeros(len(values)))
    merged = merge((retired.series, part))
    size = len(merged.series)
    total = _spread(retired.values, merged.columns[0], size, 0.0)
    lost = _spread(_lost(retired), merged.columns[0], size, 0.0)
    total, lost = add(total, lost, sign * _spread(values, merged.columns[1], size, 0.0))
    where = merged.series.special.get(CREATED)
    if where is not None:
        old = _spread(retired.values, merged.columns[0], size, np.nan)[where]
        new = _spread(values, merged.columns[1], size, np.nan)[where]
        total[where], lost[where] = np.fmin(old, new), 0.0
    return Part(merged.series, total, lost)


def _lost(part: Part) -> Floats:
    return np.zeros(len(part.values)) if part.lost is None else part.lost
