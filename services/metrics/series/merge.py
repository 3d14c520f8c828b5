"""Union of several lists of series, and where each list's entries are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.metrics.series.identity_cache import IdentityCache
from services.metrics.series.labels import metric_labels
from services.metrics.series.series_list import Entry, Family, Floats, Ints, Point, SeriesList

Table = dict[str, dict[str, dict[Point, Entry]]]
"""Of each family, of each of its metrics, the series."""


class Placement(NamedTuple):
    """Where the values of a list go in a union: ``values[source]`` to the places ``to``.

    A histogram that has no bucket at a bound of the union gives there what its next smaller
    bucket counts: so much is certain. So the sum of several histograms never falls from one bound
    to the next, whatever bounds each of them has, and its count stays exact.

    Args:
        to: places in the union, those of the list's own entries first.
        source: places in the list.
        own: how many of them are the list's own entries.
    """

    to: Ints
    source: Ints
    own: int

    def spread(self, values: Floats, size: int, empty: float) -> Floats:
        """Return ``values`` in the order of the union, ``empty`` where the list has none."""
        wide = np.full(size, empty)
        wide[self.to] = values[self.source]
        return wide


@dataclass(frozen=True)
class Merged:
    """A union of lists.

    Args:
        series: the union.
        placements: for each list, where its entries are; None when the union is that very list.
    """

    series: SeriesList
    placements: tuple[Placement | None, ...]


def metric_of(family: Family, labels: str) -> str:
    """Return the labels that name the metric an entry is a part of."""
    return metric_labels(family.type, labels)


def merge(lists: Sequence[SeriesList]) -> Merged:
    """Unite lists; families are sorted, series keep the order in which they are first met.

    Older lists come first, so that the union does not depend on who pushed last. When one of the
    lists holds all there is, it is the union. A family that two lists type differently is taken as
    the older one has it: the store lets no such lists stand side by side.
    """
    if all(item is lists[0] for item in lists):
        return Merged(lists[0], (None,) * len(lists))
    distinct = sorted(dict.fromkeys(lists), key=lambda item: item.number)
    union = _unite(distinct)
    where = dict(zip(map(id, distinct), union.placements, strict=True))
    return Merged(union.series, tuple(where[id(item)] for item in lists))


def _merge(lists: Sequence[SeriesList]) -> Merged:
    families: dict[str, Family] = {}
    table: Table = {}
    for item in lists:
        _enter(item, families, table)
    names = sorted(families)
    rows = [[e for m in table[n].values() for e in _ordered(families[n], m)] for n in names]
    union = SeriesList([families[name] for name in names], rows)
    same = next((item for item in lists if equal(item, union)), union)
    return Merged(same, tuple(_place(same, item) for item in lists))


_unite = IdentityCache(_merge)


def _enter(item: SeriesList, families: dict[str, Family], table: Table) -> None:
    points = item.points
    for at, family in enumerate(item.families):
        known = families.setdefault(family.name, family)
        if not known.help and family.help:
            families[family.name] = Family(known.name, known.type, family.help, known.unit)
        metrics = table.setdefault(family.name, {})
        for i in range(item.starts[at], item.starts[at + 1]):
            point = points[i]
            entry = Entry(item.names[i], item.labels[i], int(item.roles[i]))
            metrics.setdefault(point[1], {}).setdefault(point, entry)


def _ordered(family: Family, metric: dict[Point, Entry]) -> list[Entry]:
    """Return the series of one metric, those with a bound first and by it."""
    if family.type not in ("histogram", "summary"):
        return list(metric.values())
    bounded = sorted((point[2], entry) for point, entry in metric.items() if point[2] is not None)
    rest = [entry for point, entry in metric.items() if point[2] is None]
    return [entry for _, entry in bounded] + rest


def equal(one: SeriesList, other: SeriesList) -> bool:
    """Tell whether two lists hold the same series in the same order."""
    return one is other or (
        one.starts == other.starts
        and one.names == other.names
        and one.labels == other.labels
        and one.families == other.families
        and bool((one.roles == other.roles).all())
    )


def _place(union: SeriesList, item: SeriesList) -> Placement | None:
    if item is union:
        return None
    own = _own_places(union, item)
    pairs = np.array(own + _fills(union, item), dtype=np.intp).reshape(-1, 2)
    return Placement(pairs[:, 0].copy(), pairs[:, 1].copy(), len(own))


def _own_places(union: SeriesList, item: SeriesList) -> list[tuple[int, int]]:
    """Return, for every entry of the list, its place in the union and in the list."""
    found: list[tuple[int, int]] = []
    for at, family in enumerate(item.families):
        number = union.index[family.name]
        inside = range(union.starts[number], union.starts[number + 1])
        known = {union.points[i]: i for i in inside}
        places = range(item.starts[at], item.starts[at + 1])
        found += [(known[item.points[i]], i) for i in places if item.points[i] in known]
    return found


def _fills(union: SeriesList, item: SeriesList) -> list[tuple[int, int]]:
    """Return, for bounds that only the union has, the place and whose value goes there."""
    found: list[tuple[int, int]] = []
    for at, family in enumerate(item.families):
        if family.type != "histogram":
            continue
        own: dict[tuple[str, float], int] = {}
        metrics = set()
        for i in range(item.starts[at], item.starts[at + 1]):
            _, metric, bound = item.points[i]
            if bound is not None:
                own[metric, bound] = i
                metrics.add(metric)
        number = union.index[family.name]
        last: int | None = None
        current: str | None = None
        for i in range(union.starts[number], union.starts[number + 1]):
            _, metric, bound = union.points[i]
            if bound is None or metric not in metrics:
                continue
            if metric != current:
                last, current = None, metric
            if (metric, bound) in own:
                last = own[metric, bound]
            elif last is not None:
                found.append((i, last))
    return found


def subset(source: SeriesList, positions: Ints) -> SeriesList:
    """Return the list of the entries at ``positions``; families without one are left out.

    Args:
        source: the list.
        positions: they rise.
    """
    families, rows = [], []
    bounds = np.searchsorted(positions, source.starts).tolist()
    chosen, roles = positions.tolist(), source.roles.tolist()
    for at, family in enumerate(source.families):
        inside = chosen[bounds[at] : bounds[at + 1]]
        if inside:
            families.append(family)
            rows.append([Entry(source.names[i], source.labels[i], roles[i]) for i in inside])
    return SeriesList(families, rows)
