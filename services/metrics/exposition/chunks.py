"""What each view contributes to the protocol buffer format; made when a list is new."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Container, Hashable

from services.metrics.exposition.messages import Chunk, Shape, assemble, shape_of
from services.metrics.series.series_list import SeriesList
from services.metrics.series.view import View

MAX_PREPARED_ENTRIES = 100_000
"""Entries of all lists together that are prepared and not shown yet."""
Made = tuple[SeriesList, str, list[Chunk]]


class Chunks:
    """The chunks of every view.

    Making those of a long list takes longer than a whole scrape, so whoever brings a new list
    has them made beforehand. :meth:`prepare` is safe for threads; the rest is for one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shapes: weakref.WeakKeyDictionary[SeriesList, list[Shape]] = (
            weakref.WeakKeyDictionary()
        )
        self._prepared: dict[str, Made] = {}
        self._weight = 0
        self._shown: dict[Hashable, Made] = {}

    def prepare(self, prefix: str, series: SeriesList) -> None:
        """Make the chunks of a view with this prefix and list."""
        made = self._make(prefix, series)
        with self._lock:
            self._drop(prefix)
            self._prepared[prefix] = made
            self._weight += len(series)
            while self._weight > MAX_PREPARED_ENTRIES and len(self._prepared) > 1:
                self._drop(next(iter(self._prepared)))

    def of(self, key: Hashable, view: View, family: str) -> Chunk:
        """Return the chunk of a view's family.

        Args:
            key: of the view.
            view: as it is now.
            family: its name.
        """
        known = self._shown.get(key)
        if known is None or known[0] is not view.series or known[1] != view.prefix:
            prepared = self._take(view.prefix, view.series)
            known = self._shown[key] = prepared or self._make(view.prefix, view.series)
        return known[2][view.series.index[family]]

    def keep_only(self, keys: Container[Hashable]) -> None:
        """Forget the chunks of views that are no longer shown."""
        self._shown = {key: made for key, made in self._shown.items() if key in keys}

    def _take(self, prefix: str, series: SeriesList) -> Made | None:
        """Return what is prepared for a view; its record, which has the same prefix, is not."""
        with self._lock:
            made = self._prepared.get(prefix)
            return self._drop(prefix) if made is not None and made[0] is series else None

    def _drop(self, prefix: str) -> Made | None:
        made = self._prepared.pop(prefix, None)
        if made is not None:
            self._weight -= len(made[0])
        return made

    def _make(self, prefix: str, series: SeriesList) -> Made:
        with self._lock:
            shapes = self._shapes.get(series)
        if shapes is None:
            shapes = [shape_of(series, at) for at in range(len(series.families))]
            with self._lock:
                self._shapes[series] = shapes
        return series, prefix, [assemble(shape, prefix) for shape in shapes]
