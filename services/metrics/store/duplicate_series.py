"""Duplicate series: what one group shows must not be what another one shows.

Two groups can only meet where the labels of a body stand in for labels of the other's URL. That
is rare, so it is ruled out by label names first, and series are compared only where it is not.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.metrics.parsing.lexer import escape_label
from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.labels import PAIR
from services.metrics.series.series_list import CREATED, SeriesList


class DuplicateSeries:
    """Which groups show which lists. Not safe for threads: the store calls it under its lock.

    Attributes:
        version: changes with every list that a group begins or ceases to show.
    """

    def __init__(self) -> None:
        self.version = 0
        self._classes: dict[frozenset[str], dict[Labels, tuple[SeriesList, ...]]] = {}

    def hold(self, labels: Labels, lists: Iterable[SeriesList]) -> None:
        """Note what a group shows; no list means that it is gone."""
        names = frozenset(name for name, _ in labels)
        found = tuple(dict.fromkeys(lists))
        of_class = self._classes.setdefault(names, {})
        before = of_class.pop(labels, None)
        if found:
            of_class[labels] = found
        if not of_class:
            del self._classes[names]
        self.version += found != (before or ())

    def conflicts(self, labels: Labels, series: SeriesList) -> dict[str, Labels]:
        """Return the families of which another group shows a series already, with its labels."""
        names = frozenset(name for name, _ in labels)
        found: dict[str, Labels] = {}
        for other_names, groups in self._classes.items():
            if other_names == names or not other_names - names <= series.label_names:
                continue
            for other, lists in groups.items():
                if _agree(labels, other):
                    extra = names - other_names
                    for their in lists:
                        if extra <= their.label_names:
                            for family in _shared(labels, series, other, their):
                                found.setdefault(family, other)
        return found


def _agree(one: Labels, other: Labels) -> bool:
    values = dict(one)
    return all(values.get(name, value) == value for name, value in other)


def _shared(one: Labels, series: SeriesList, other: Labels, theirs: SeriesList) -> set[str]:
    if not {f.name for f in series.families} & {f.name for f in theirs.families}:
        return set()
    mine = _full(one, series)
    return {mine[key] for key in mine.keys() & _full(other, theirs).keys()}


def _full(labels: Labels, series: SeriesList) -> dict[tuple[str, frozenset[tuple[str, str]]], str]:
    """Return the family of every series, by its name and all of its labels."""
    base = [(name, escape_label(value)) for name, value in labels]
    found = {}
    for at, family in enumerate(series.families):
        for i in range(series.starts[at], series.starts[at + 1]):
            if series.roles[i] != CREATED:
                key = series.names[i], frozenset([*base, *PAIR.findall(series.labels[i])])
                found[key] = family.name
    return found
