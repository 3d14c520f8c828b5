"""Several lists of series become one: the union, and where each list's entries are in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.metrics.parsing.serieslist import (
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
    no such lists stand side by side.
    """
    if len(lists) == 1 or all(item is lists[0] for item in lists):
        return Merged(lists[0], (None,) * len(lists))
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
    for item in lists:
        if len(item) == sum(map(len, rows)) and item.starts == _starts(rows):
            flat = [entry for row in rows for entry in row]
            if all(e.name == n and e.labels == label
                   for e, n, label in zip(flat, item.names, item.labels, strict=True)):  # fmt: skip
                return _placed(item, lists)
    return _placed(SeriesList([families[name] for name in names], rows), lists)


def _starts(rows: Sequence[Sequence[Entry]]) -> tuple[int, ...]:
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row))
    return tuple(starts)


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
    positions = source.positions(*LASTING)
    if len(positions) == len(source):
        return source, positions
    return subset(source, positions), positions


def overlay(
    old: SeriesList, old_values: Floats, new: SeriesList, new_values: Floats
) -> tuple[SeriesList, Floats]:
    """Replace, in ``old``, the families that ``new`` names (what POST does)."""
    kept = [i for i, family in enumerate(old.families) if family.name not in new.index]
    if not kept:
        return new, new_values
    positions = select(old, kept)
    part = subset(old, positions)
    merged = merge((part, new))
    values = np.empty(len(merged.series))
    for values_of, columns in zip((old_values[positions], new_values), merged.columns, strict=True):
        values[slice(None) if columns is None else columns] = values_of
    return merged.series, values
