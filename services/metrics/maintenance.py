"""What runs beside the requests: looking for silence, writing, tidying the disk."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time

from services.metrics.settings import Settings
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.store import Store

SWEEP = 1.0
CHECKPOINT = 5.0
PRUNE = 3_600.0

_log = logging.getLogger("dreamos.metrics")


class Maintenance:
    """One thread that does everything that comes back every so often.

    Args:
        store: what it looks after.
        disk: the store's disk.
        settings: times.
    """

    def __init__(self, store: Store, disk: SqliteStorage, settings: Settings) -> None:
        self._store = store
        self._disk = disk
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._jobs = [
            (min(SWEEP, settings.flush_interval), self._sweep),
            (settings.flush_interval, self._flush),
            (CHECKPOINT, self._look_after_disk),
            (PRUNE, self._prune),
        ]

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after a last write; a second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        due = [time.monotonic() + pause for pause, _ in self._jobs]
        while not self._stop.wait(max(0.0, min(due) - time.monotonic())):
            for at, (pause, job) in enumerate(self._jobs):
                if due[at] <= time.monotonic():
                    self._do(job)
                    due[at] = time.monotonic() + pause
        self._do(self._flush)

    def _do(self, job: object) -> None:
        try:
            job()  # type: ignore[operator]
        except sqlite3.Error as error:
            _log.warning("upkeep of the data file: %s; it is tried again", error)
        except Exception:  # noqa: BLE001  (one failed job must not end the thread)
            _log.exception("upkeep failed; it is tried again")

    def _sweep(self) -> None:
        self._store.sweep()

    def _flush(self) -> None:
        self._store.flush()

    def _look_after_disk(self) -> None:
        if not self._store.heal():
            self._disk.checkpoint()

    def _prune(self) -> None:
        self._store.flusher.prune(time.time() - self._settings.tombstone_retention)
