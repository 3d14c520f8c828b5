"""The order of a scrape: families by name, in each the views one after the other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from services.metrics.parsing.serieslist import Family, Floats, Ints
from services.metrics.store.group import View

Views = Mapping[Any, View]


class Layout:
    """Where the values of each view stand among all values of a scrape.

    It holds for as long as no view comes, goes or changes its list.

    Args:
        views: what is shown, by any key.
    """

    def __init__(self, views: Views) -> None:
        self._keys: dict[Hashable, tuple[object, str]] = {
            key: (view.series, view.prefix) for key, view in views.items()
        }
        by_family: dict[str, list[tuple[Hashable, int]]] = {}
        for key, view in views.items():
            for at, family in enumerate(view.series.families):
                by_family.setdefault(family.name, []).append((key, at))
        self.chunks: list[tuple[Family, list[tuple[Hashable, int, int]], int]] = []
        """Each family with its chunks (view, first and last position in it) and its first slot."""
        shifts = {key: [0] * len(view.series.families) for key, view in views.items()}
        slot = 0
        for name in sorted(by_family):
            rows, first = [], slot
            for key, at in by_family[name]:
                starts = views[key].series.starts
                low, high = starts[at], starts[at + 1]
                rows.append((key, low, high))
                shifts[key][at] = slot - low
                slot += high - low
            self.chunks.append((_describe(by_family[name], views), rows, first))
        self.size = slot
        self._slots = {key: _slots(shifts[key], view.series.starts) for key, view in views.items()}
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
        """Return all values in the order of the scrape; the array is the layout's own."""
        self.takes += 1
        for key, view in views.items():
            if self._shown.get(key) is not view.values:
                self.values[self._slots[key]] = view.values
                self._shown[key] = view.values
                self._changed[key] = self.takes
        return self.values

    def changed_since(self, takes: int) -> Ints:
        """Return the slots of the views that have changed since ``takes`` was what it was then."""
        found = [self._slots[key] for key, when in self._changed.items() if when > takes]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)


def _describe(users: list[tuple[Hashable, int]], views: Views) -> Family:
    """Return the family with the first help text that somebody gave."""
    families = (views[key].series.families[at] for key, at in users)
    key, at = users[0]
    return next((family for family in families if family.help), views[key].series.families[at])


def _slots(shifts: list[int], starts: tuple[int, ...]) -> Ints:
    """Return the slot of each entry of a list: its position, and what its family is shifted by."""
    slots: Ints = np.repeat(np.array(shifts, dtype=np.intp), np.diff(starts))
    slots += np.arange(len(slots))
    return slots
