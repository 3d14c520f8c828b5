"""Flusher: when the disk is written, and what is shown because of it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import Labels
from services.metrics.store.journal import Batch
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.views import Snapshot

_log = logging.getLogger("dreamos.metrics.disk")


class Taken(NamedTuple):
    """Everything that changed up to one moment.

    Args:
        generation: number of the last change in it.
        batch: the rows.
        snapshots: the groups as they were; None for one that is gone.
    """

    generation: int
    batch: Batch
    snapshots: dict[Labels, Snapshot | None]


class Flusher:
    """Writes what has changed and then lets it be shown, in this order.

    A scrape therefore never shows what a crash could take back. When the disk fails, figures
    are shown all the same, the rows are kept for the next attempt, and health says so.

    Args:
        disk: where to.
        take: hands over what has changed.
        written: told of what was written, and whether it worked.
    """

    def __init__(
        self,
        disk: SqliteStorage,
        take: Callable[[], Taken],
        written: Callable[[Taken, bool], None],
    ) -> None:
        self._disk = disk
        self._take = take
        self._written = written
        self._lock = threading.Lock()
        self._done = 0
        self.observe: Callable[[float], None] = lambda seconds: None
        """Called with the duration of each write, in seconds."""
        self.errors = 0
        self.last_error = ""
        self.last_success = 0.0

    def flush(self, wanted: int, durable: bool) -> None:
        """Write at least everything up to the change ``wanted``.

        Args:
            wanted: number of the change.
            durable: wait for the disk itself.

        Raises:
            Rejected: ``disk``, only when ``durable``.
        """
        with self._lock:
            if self._done < wanted:
                self._write()
            failed = self._done < wanted
        if not durable:
            return
        try:
            if not failed:
                self._disk.sync()
        except OSError as error:
            failed = True
            self._fail(error)
        if failed:
            raise Rejected("disk", "the totals could not be written to disk; send it again")

    def _write(self) -> None:
        taken = self._take()
        began = time.perf_counter()
        try:
            if taken.batch:
                self._disk.write(taken.batch)
        except sqlite3.Error as error:
            self._fail(error)
            self._written(taken, False)
            return
        if self.last_error:
            _log.warning("the data file can be written again")
        self.last_error = ""
        self.last_success = time.time()
        if taken.batch:
            self.observe(time.perf_counter() - began)
        self._done = taken.generation
        self._written(taken, True)

    def _fail(self, error: Exception) -> None:
        self.errors += 1
        text = f"{type(error).__name__}: {error}"
        if text != self.last_error:
            _log.error("the data file cannot be written (%s); it is tried again", text)
        self.last_error = text

    def heal(self, everything: Callable[[], None]) -> bool:
        """Begin a new data file if somebody took the one that is open away.

        Args:
            everything: notes all that is to be written.

        Returns:
            Whether it was so.
        """
        with self._lock:
            if self._disk.intact:
                return False
            try:
                self._disk.renew()
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
                return True
            everything()
            self._write()
        return True

    def prune(self, forget_before: float) -> None:
        """Forget old endings and unused lists on disk."""
        with self._lock:
            try:
                self._disk.prune(forget_before)
            except sqlite3.Error as error:
                self._fail(error)
