"""Several lists of series become one: the union, and where each list's entries are in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.metrics.series.identity_cache import IdentityCache
from services.metrics.series.series_list import (
    COUNT,
    CREATED,
    TOTAL,
    Entry,
    Family,
    Floats,
    Ints,
    SeriesList,
    select,
)

_POINT = re.compile(r'(?:^|,)(?:le|quantile)="[^"]*"')
LASTING = (COUNT, TOTAL, CREATED)
"""Roles of the series that outlive their process."""


@dataclass(frozen=True)
class Merged:
    """A union of lists.

    Args:
        series: the union.
        columns: for each list, where its entries are; None when the union is that very list.
    """

    series: SeriesList
    columns: tuple[Ints | None, ...]


def metric_of(family: Family, labels: str) -> str:
    """Return the labels that name the metric an entry is a part of."""
    if family.type in ("histogram", "summary"):
        return _POINT.sub("", labels).lstrip(",")
    return labels


def merge(lists: Sequence[SeriesList]) -> Merged:
    """Unite lists; families and series keep the order in which they are first met.

    A family that two lists type differently is taken as the first one has it: the store lets
    no such lists stand side by side. When one of the lists holds all there is, it is the union.
    """
    if all(item is lists[0] for item in lists):
        return Merged(lists[0], (None,) * len(lists))
    return _unite(lists)


def _merge(lists: Sequence[SeriesList]) -> Merged:
    families: dict[str, Family] = {}
    metrics: dict[str, dict[str, dict[tuple[str, str], Entry]]] = {}
    for item in dict.fromkeys(lists):
        for at, family in enumerate(item.families):
            family = families.setdefault(family.name, family)
            of_family = metrics.setdefault(family.name, {})
            for entry in item.entries(at):
                point = of_family.setdefault(metric_of(family, entry.labels), {})
                point.setdefault((entry.name, entry.labels), entry)
    names = sorted(families)
    rows = [[e for point in metrics[name].values() for e in point.values()] for name in names]
    union = SeriesList([families[name] for name in names], rows)
    same = (item for item in lists if _equal(item, union))
    return _placed(next(same, union), lists)


_unite = IdentityCache(_merge)


def _equal(one: SeriesList, other: SeriesList) -> bool:
    return (
        one.starts == other.starts
        and one.names == other.names
        and one.labels == other.labels
        and one.families == other.families
    )


def _placed(union: SeriesList, lists: Sequence[SeriesList]) -> Merged:
    where = {key: i for i, key in enumerate(zip(union.names, union.labels, strict=True))}
    known: dict[int, Ints | None] = {id(union): None}
    for item in lists:
        if id(item) not in known:
            keys = zip(item.names, item.labels, strict=True)
            known[id(item)] = np.array([where[key] for key in keys], dtype=np.intp)
    return Merged(union, tuple(known[id(item)] for item in lists))


def subset(source: SeriesList, positions: Ints) -> SeriesList:
    """Return the list of the entries at ``positions``; families without one are left out."""
    families, rows = [], []
    for at, family in enumerate(source.families):
        low, high = source.starts[at], source.starts[at + 1]
        inside = positions[(positions >= low) & (positions < high)]
        if len(inside):
            families.append(family)
            rows.append([Entry(source.names[i], source.labels[i], int(source.roles[i]))
                         for i in inside.tolist()])  # fmt: skip
    return SeriesList(families, rows)


def lasting(source: SeriesList) -> tuple[SeriesList, Ints]:
    """Return the part of a list that outlives its process, and where it stands in the list."""
    return _last([source])


def _lasting(lists: Sequence[SeriesList]) -> tuple[SeriesList, Ints]:
    source = lists[0]
    positions = source.positions(*LASTING)
    if len(positions) == len(source):
        return source, positions
    return subset(source, positions), positions


_last = IdentityCache(_lasting)


def vanished(before: SeriesList, now: SeriesList) -> tuple[SeriesList, Ints]:
    """Return the lasting part of ``before`` that ``now`` does not have, and where it stood."""
    return _gone([before, now])


def _vanished(lists: Sequence[SeriesList]) -> tuple[SeriesList, Ints]:
    before, now = lists
    shown = set(zip(now.names, now.labels, strict=True))
    keys = zip(before.names, before.labels, before.roles.tolist(), strict=True)
    gone = [i for i, (name, labels, role) in enumerate(keys)
            if role in LASTING and (name, labels) not in shown]  # fmt: skip
    positions: Ints = np.array(gone, dtype=np.intp)
    return subset(before, positions), positions


_gone = IdentityCache(_vanished)


def overlay(
    old: SeriesList, old_values: Floats, new: SeriesList, new_values: Floats
) -> tuple[SeriesList, Floats]:
    """Replace, in ``old``, the families that ``new`` names (what POST does)."""
    if all(family.name in new.index for family in old.families):
        return new, new_values
    part, positions = _kept([old, new])
    merged = merge((part, new))
    values = np.empty(len(merged.series))
    for values_of, columns in zip((old_values[positions], new_values), merged.columns, strict=True):
        values[slice(None) if columns is None else columns] = values_of
    return merged.series, values


def _keep(lists: Sequence[SeriesList]) -> tuple[SeriesList, Ints]:
    old, new = lists
    kept = [i for i, family in enumerate(old.families) if family.name not in new.index]
    positions = select(old, kept)
    return subset(old, positions), positions


_kept = IdentityCache(_keep)
