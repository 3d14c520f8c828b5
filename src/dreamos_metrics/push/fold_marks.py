"""Writer of the marks in the values file: what the service has taken, and what is folded.

A mark is a gauge without meaning: gauges end with their process, so older versions pass over them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.limits import FoldedSeries
from dreamos_metrics.spool.fold_marks import MARKS, TAKEN
from dreamos_metrics.spool.values_file import FileStorage

_MARK = Definition(MARKS, "gauge", "Series that are shown in (other).", ("metric", "series"))
#: Lists of series that are marked as taken, at most; each takes a line of the file.
_MAX_TAKEN = 10_000


class FoldMarks:
    """Writes each mark once into the values file of the present incarnation."""

    def __init__(self) -> None:
        self._storage: object = None
        self._written: set[tuple[str, str]] = set()
        self._taken = 0

    def fold(self, folds: Mapping[str, FoldedSeries]) -> None:
        """Mark the series of these folds, before they are pushed."""
        self._write(
            (name, json.dumps(member._values))
            for name, fold in folds.items()
            for member in fold.members
        )

    def taken(self) -> None:
        """Mark that the service took a push: what the file holds by now may be shown there."""
        if self._taken < _MAX_TAKEN:
            self._taken += 1
            self._write([(TAKEN, str(self._taken))])

    def _write(self, marks: Iterable[tuple[str, str]]) -> None:
        with REGISTRY.lock:
            storage = REGISTRY.storage
            if not isinstance(storage, FileStorage):
                return
            if storage is not self._storage:
                self._storage, self._written = storage, set()
            try:
                for mark in marks:
                    if mark not in self._written:
                        storage.allocate(_MARK, mark, 1)
                        self._written.add(mark)
            except Exception as error:  # noqa: BLE001 - the disk may be full
                record_error("spool_full", f"what is folded: {type(error).__name__}: {error}")
