"""Lives of the metrics of one process: what vanishes, what comes back, what begins anew.

A process may stop showing a series and show it again, and a metric of it may begin anew at zero.
The total must count each life once:

- what is not shown any more goes on counting; it is *absent*
- what comes back with the same time of beginning, or not lower than it was, is the same life: what
  is shown says all, and nothing of it is absent any more
- what comes back lower has begun anew: the life before is over, and is *ended* for good
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.metrics.series.aggregate import Part, total_of
from services.metrics.series.merge import Placement, merge
from services.metrics.series.select import lasting, part
from services.metrics.series.series_list import COUNT, CREATED, Floats, SeriesList

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


class Lives(NamedTuple):
    """What a process has counted beside the series that it shows.

    Args:
        absent: of series that it does not show now, and may show again.
        ended: of lives that are over; they belong to the retired totals.
    """

    absent: Part | None
    ended: Part | None


def fell(series: SeriesList, before: Floats, now: Floats) -> bool:
    """Tell whether something that only grows is lower than it was, in the same list."""
    lower = now < before
    return bool(lower.any()) and bool(lower[series.counts].any())


def follow(before: Part, absent: Part | None, now: Part) -> Lives:
    """Compare two snapshots of one process that follow each other.

    Args:
        before: the snapshot until now.
        absent: what the process had counted beside it.
        now: the new snapshot.
    """
    if before.series is now.series and not fell(now.series, before.values, now.values):
        return Lives(absent, None)
    series, positions = lasting(before.series)
    parts = [Part(series, before.values[positions])]
    had = total_of([*parts, absent] if absent is not None else parts)
    return _Comparison(had, now).lives()


class _Comparison:
    """What was counted until now beside what is shown now, series by series."""

    def __init__(self, had: Part, now: Part) -> None:
        merged = merge((had.series, now.series))
        self.series = series = merged.series
        size = len(series)
        before, shown = merged.placements
        self._had, self._shown = _own(before, size), _own(shown, size)
        self._old = _wide(had.values, before, size)
        self._new = _wide(now.values, shown, size)
        self._metrics = series.metrics
        self._place, self._size = shown, len(now.series)

    def lives(self) -> Lives:
        over = self._over()
        gone = self._had & ~self._shown & ~over
        narrowed = self._in_metrics(gone & self.series.buckets)
        # A bucket that is not shown any more keeps what it had beyond the next smaller one that
        # is; those that are shown have nothing to add, and say so.
        shown = self._shown & self.series.buckets & narrowed & ~over
        rest = self._old - self._below()
        return Lives(
            self._part(gone | shown, np.where(shown, 0.0, rest)) if gone.any() else None,
            self._part(self._had & over, self._old) if over.any() else None,
        )

    def _below(self) -> Floats:
        """Return what buckets that are not shown had in common with the next smaller one that is."""
        found = np.zeros(len(self.series))
        place = self._place
        if place is not None:
            where = np.zeros(self._size, dtype=np.intp)
            where[place.source[: place.own]] = place.to[: place.own]
            found[place.to[place.own :]] = self._old[where[place.source[place.own :]]]
        return found

    def _over(self) -> Mask:
        """Return the series of metrics that have begun anew."""
        both = self._had & self._shown
        lower: Mask = both & (self.series.roles == COUNT) & (self._new < self._old)
        if not lower.any():
            return lower
        same = both & (self.series.roles == CREATED) & (self._new == self._old)
        return self._in_metrics(lower) & ~self._in_metrics(same)

    def _in_metrics(self, some: Mask) -> Mask:
        """Return the series of all metrics of which some series are chosen."""
        found: Mask = np.isin(self._metrics, self._metrics[some])
        return found

    def _part(self, chosen: Mask, values: Floats) -> Part:
        series, positions = part(self.series, np.flatnonzero(chosen))
        return Part(series, values[positions])


def _own(place: Placement | None, size: int) -> Mask:
    """Return which series of a union a list has of its own."""
    found: Mask = np.full(size, place is None)
    if place is not None:
        found[place.to[: place.own]] = True
    return found


def _wide(values: Floats, place: Placement | None, size: int) -> Floats:
    return values if place is None else place.spread(values, size, 0.0)
