"""Parts of a list of series: what outlives its process, whole families, what POST keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from services.metrics.series.identity_cache import IdentityCache
from services.metrics.series.merge import Placement, equal, subset
from services.metrics.series.series_list import LASTING, Floats, Ints, SeriesList, select


class Chosen(NamedTuple):
    """A part of a list, and where its entries stand in the list."""

    series: SeriesList
    positions: Ints


def part(source: SeriesList, positions: Ints) -> Chosen:
    """Return the entries at ``positions``, which rise; the same ones are the same object."""
    if len(positions) == len(source):
        return Chosen(source, positions)
    return _parts((source,), positions.astype(np.intp).tobytes())


def _part(lists: Sequence[SeriesList], chosen: bytes) -> Chosen:
    positions: Ints = np.frombuffer(chosen, dtype=np.intp)
    return Chosen(subset(lists[0], positions), positions)


_parts = IdentityCache(_part)


def lasting(source: SeriesList) -> Chosen:
    """Return the part of a list that outlives its process."""
    return _lasting((source,))


_lasting = IdentityCache(lambda lists: part(lists[0], lists[0].positions(*LASTING)))


def without(source: SeriesList, names: Collection[str]) -> Chosen:
    """Return a list without the families ``names``."""
    kept = [at for at, family in enumerate(source.families) if family.name not in names]
    return part(source, select(source, kept))


class Overlay(NamedTuple):
    """A list in which some families were replaced, which is what POST does.

    Args:
        series: the result; the old list itself where it has the same series.
        kept: where the families that stay stand in the old list, and in the result.
        placement: where the new list's values go in the result; None: they are all of it.
    """

    series: SeriesList
    kept: tuple[Ints, Ints]
    placement: Placement | None

    def values(self, old: Floats, new: Floats) -> Floats:
        """Return the values of the result."""
        if self.placement is None:
            return new
        values = np.empty(len(self.series))
        source, to = self.kept
        values[to] = old[source]
        values[self.placement.to] = new[self.placement.source]
        return values


def overlay(old: SeriesList, new: SeriesList) -> Overlay:
    """Replace, in ``old``, the families that ``new`` names."""
    return _overlay((old, new))


def _lay_over(lists: Sequence[SeriesList]) -> Overlay:
    old, new = lists
    kept = without(old, new.index.keys())
    if not len(kept.positions):
        return Overlay(new, (kept.positions, kept.positions), None)
    joined = _join(kept.series, new)
    series = old if equal(old, joined.series) else joined.series
    place = Placement(joined.second, np.arange(len(new)), len(new))
    return Overlay(series, (kept.positions, joined.first), place)


class _Joined(NamedTuple):
    series: SeriesList
    first: Ints
    second: Ints


def _join(one: SeriesList, other: SeriesList) -> _Joined:
    """Return two lists that have no family in common as one, and where the entries of each are."""
    lists = (one, other)
    order = sorted(
        (family.name, which, at)
        for which, item in enumerate(lists)
        for at, family in enumerate(item.families)
    )
    families, entries = [], []
    places: tuple[list[Ints], list[Ints]] = ([], [])
    start = 0
    for _, which, at in order:
        families.append(lists[which].families[at])
        rows = lists[which].entries(at)
        entries.append(rows)
        places[which].append(np.arange(start, start + len(rows)))
        start += len(rows)
    none = np.zeros(0, dtype=np.intp)
    first, second = (np.concatenate([none, *each]).astype(np.intp) for each in places)
    return _Joined(SeriesList(families, entries), first, second)


_overlay = IdentityCache(_lay_over)
