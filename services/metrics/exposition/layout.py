"""The order of a scrape: families by name, in each the views one after the other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from services.metrics.series.series_list import Family, Floats, Ints
from services.metrics.series.view import View

Views = Mapping[Any, View]
Row = tuple[Hashable, int, int]
"""A view, and the first and last position in it of what it has of a family."""


class Layout:
    """Where the values of each view stand among all values, and in which order they are shown.

    It holds for as long as no view comes, goes or changes its list. The next one leaves the views
    that stay the same where they are, until more than half of the slots are unused.

    Args:
        views: what is shown, by any key.
        before: the layout until now.

    Attributes:
        lineage: the same object for layouts in which a slot, once used, means the same.
        number: in the lineage; the layout before has the one before.
        bases: the slot of each view's first value; the others follow it.
        chunks: each family, described by the first view that has a help text, with its rows.
        new: the views that were not in the layout before, or had another list there.
        values: of all slots.
        takes: how often values were taken over.
    """

    def __init__(self, views: Views, before: Layout | None = None) -> None:
        if before is not None and len(before.values) > 2 * sum(
            len(v.series) for v in views.values()
        ):
            before = None
        self._keys: dict[Hashable, tuple[object, str]] = {
            key: (view.series, view.prefix) for key, view in views.items()
        }
        self.number: int = before.number + 1 if before is not None else 0
        self.lineage: object = before.lineage if before is not None else object()
        self.bases: dict[Hashable, int] = {}
        self.new: set[Hashable] = set()
        slot = len(before.values) if before is not None else 0
        users: dict[str, tuple[Family, list[Row]]] = {}
        for key, view in views.items():
            if before is not None and before.has(key, view):
                self.bases[key] = before.bases[key]
            else:
                self.new.add(key)
                self.bases[key] = slot
                slot += len(view.series)
            starts = view.series.starts
            for at, family in enumerate(view.series.families):
                known = users.get(family.name)
                if known is None:
                    users[family.name] = family, [(key, starts[at], starts[at + 1])]
                else:
                    known[1].append((key, starts[at], starts[at + 1]))
                    if family.help and not known[0].help:
                        users[family.name] = family, known[1]
        self.chunks: list[tuple[Family, list[Row]]] = [users[name] for name in sorted(users)]
        self._shown: dict[Hashable, Floats] = {}
        self._changed: dict[Hashable, int] = {}
        self.values: Floats = np.zeros(slot)
        self.takes = 0
        if before is not None:
            self.takes = before.takes
            self.values[: len(before.values)] = before.values
            for key, base in self.bases.items():
                if before.bases.get(key) == base and key in before._shown:
                    self._shown[key] = before._shown[key]
                    self._changed[key] = before._changed[key]

    def fits(self, views: Views) -> bool:
        """Tell whether the layout holds for ``views``."""
        return len(views) == len(self._keys) and all(map(self.has, views, views.values()))

    def has(self, key: Hashable, view: View) -> bool:
        """Tell whether it has the view, with this list."""
        known = self._keys.get(key)
        return known is not None and known[0] is view.series and known[1] == view.prefix

    def take(self, views: Views) -> Floats:
        """Return the values of all slots; the array is the layout's own."""
        self.takes += 1
        for key, view in views.items():
            if self._shown.get(key) is not view.values:
                base = self.bases[key]
                self.values[base : base + len(view.values)] = view.values
                self._shown[key] = view.values
                self._changed[key] = self.takes
        return self.values

    def changed_since(self, takes: int) -> Ints:
        """Return the slots of the views that have changed since ``takes`` was what it was then."""
        found = [
            np.arange(self.bases[key], self.bases[key] + len(self._shown[key]))
            for key, when in self._changed.items()
            if when > takes
        ]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)
