"""The order of a scrape: families by name, in each the views one after the other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from services.metrics.parsing.serieslist import Family, Floats, Ints
from services.metrics.store.group import View

Views = Mapping[Any, View]
Row = tuple[Hashable, int, int]
"""A view, and the first and last position in it of what it has of a family."""


class Layout:
    """Where the values of each view stand among all values, and in which order they are shown.

    It holds for as long as no view comes, goes or changes its list.

    Args:
        views: what is shown, by any key.
    """

    def __init__(self, views: Views) -> None:
        self._keys: dict[Hashable, tuple[object, str]] = {
            key: (view.series, view.prefix) for key, view in views.items()
        }
        self.bases: dict[Hashable, int] = {}
        """The slot of each view's first value; the others follow it."""
        slot = 0
        users: dict[str, tuple[Family, list[Row]]] = {}
        for key, view in views.items():
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
        """Each family, described by the first view that has a help text, with its rows."""
        self._shown: dict[Hashable, Floats] = {}
        self._changed: dict[Hashable, int] = {}
        self.values: Floats = np.zeros(slot)
        self.takes = 0
        """How often values were taken over."""

    def fits(self, views: Views) -> bool:
        """Tell whether the layout holds for ``views``."""
        keys = self._keys
        if len(views) != len(keys):
            return False
        for key, view in views.items():
            known = keys.get(key)
            if known is None or known[0] is not view.series or known[1] != view.prefix:
                return False
        return True

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
