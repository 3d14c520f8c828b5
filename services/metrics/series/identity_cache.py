"""Results for lists of series, remembered by the identity of the lists.

Uniting long lists takes milliseconds. It is done before the store's lock is taken, and looked up
under it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from services.metrics.series.series_list import SeriesList

T = TypeVar("T")
MAX_ENTRIES = 400_000
"""Entries of all lists that are remembered together; about 100 bytes each."""


class IdentityCache(Generic[T]):
    """Remembers what ``make`` returned for the same list objects. Safe for threads.

    Args:
        make: a function of lists, and of further values, without side effects.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[tuple[SeriesList, ...], T]] = {}
        self._weight = 0

    def __call__(self, lists: Sequence[SeriesList], *more: Hashable) -> T:
        """Return the result for ``lists`` and ``more``."""
        key = (*map(id, lists), *more)
        with self._lock:
            found = self._known.pop(key, None)
            if found is not None:
                self._known[key] = found
                return found[1]
        result = self._make(lists, *more)
        with self._lock:
            if key in self._known:
                return self._known[key][1]
            self._known[key] = (tuple(lists), result)
            self._weight += sum(map(len, lists))
            while self._weight > MAX_ENTRIES and len(self._known) > 1:
                oldest = next(iter(self._known))
                self._weight -= sum(map(len, self._known.pop(oldest)[0]))
        return result
