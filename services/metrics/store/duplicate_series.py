"""No series twice: what one group shows must not be what another one shows.

Two groups can only meet where the labels of a body stand in for labels of the other's URL. That
is rare, so it is ruled out by label names first, and series are compared only where it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.metrics.errors import Rejected
from services.metrics.parsing.lexer import escape_label
from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.series_list import CREATED, SeriesList

PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class DuplicateSeries:
    """Which groups show which lists. Not safe for threads: the store calls it under its lock."""

    def __init__(self) -> None:
        self._classes: dict[frozenset[str], dict[Labels, tuple[SeriesList, ...]]] = {}

    def hold(self, labels: Labels, lists: Iterable[SeriesList]) -> None:
        """Note what a group shows; no list means that it is gone."""
        names = frozenset(name for name, _ in labels)
        found = tuple(dict.fromkeys(lists))
        of_class = self._classes.setdefault(names, {})
        of_class.pop(labels, None)
        if found:
            of_class[labels] = found
        if not of_class:
            del self._classes[names]

    def check(self, labels: Labels, series: SeriesList) -> None:
        """Refuse a list that would show a series that another group shows already.

        Raises:
            Rejected: ``inconsistent``, with the name of the series.
        """
        names = frozenset(name for name, _ in labels)
        for other_names, groups in self._classes.items():
            if other_names == names or not other_names - names <= series.label_names:
                continue
            for other, lists in groups.items():
                if _agree(labels, other):
                    extra = names - other_names
                    for their in lists:
                        if extra <= their.label_names:
                            _compare(labels, series, other, their)


def _agree(one: Labels, other: Labels) -> bool:
    values = dict(one)
    return all(values.get(name, value) == value for name, value in other)


def _compare(one: Labels, series: SeriesList, other: Labels, theirs: SeriesList) -> None:
    if not {f.name for f in series.families} & {f.name for f in theirs.families}:
        return
    both = _full(one, series).keys() & _full(other, theirs).keys()
    if both:
        name = min(both)[0]
        raise Rejected("inconsistent", f"another group shows the same series of {name} already")


def _full(labels: Labels, series: SeriesList) -> dict[tuple[str, frozenset[tuple[str, str]]], None]:
    base = [(name, escape_label(value)) for name, value in labels]
    rows = zip(series.names, series.labels, series.roles.tolist(), strict=True)
    return {
        (name, frozenset([*base, *PAIR.findall(own)])): None
        for name, own, role in rows
        if role != CREATED
    }
