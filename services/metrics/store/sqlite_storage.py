"""Storage on disk: one SQLite file with a write-ahead log, one writer, nothing lost by kill -9.

A commit is in the operating system's hands when :meth:`SqliteStorage.write` returns, so it survives
the death of the process. :meth:`SqliteStorage.sync` brings it to the platter, so it survives a
power cut: that is waited for before a final push is acknowledged, outside of any lock that a
scrape needs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import Floats, SeriesList
from services.metrics.store.journal import Batch, EndedRow, GroupRow, MemberRow
from services.metrics.store.sqlite_file import DataFile, connect, transaction, writes_in
from services.metrics.store.sqlite_rows import write_rows

_HELD = "list", "absent"
_log = logging.getLogger("dreamos.metrics.disk")


class Content(NamedTuple):
    """What a file holds.

    Args:
        version: of the service's file format that wrote it; 0 for a new file.
    """

    groups: list[GroupRow]
    totals: list[tuple[int, Part]]
    members: list[MemberRow]
    version: int


def _floats(raw: bytes) -> Floats:
    return np.frombuffer(raw, dtype=np.float64)


class SqliteStorage:
    """The file ``metrics.db`` in a folder.

    Args:
        folder: is made when it is not there.

    Raises:
        OSError: the folder cannot be written.
        sqlite3.Error: the file cannot be opened although it was made anew.
    """

    def __init__(self, folder: Path) -> None:
        self._file = DataFile(folder)
        self.path = self._file.path
        self._name = str(self.path)
        self._read_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        self._commits = self._synced = 0
        self._connection = self._file.open()
        self._written = set(self._file.lists)
        self._writes = writes_in(self._connection)
        self._reader = connect(self.path)
        self._log_file = os.open(f"{self.path}-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._inodes = self._look()

    @property
    def damaged(self) -> Path | None:
        """Where a damaged file was put aside, or None."""
        return self._file.damaged

    @property
    def complaint(self) -> str:
        """What is missing from the file as it was found, as a sentence; empty for nothing."""
        return self._file.complaint

    def load(self) -> Content:
        """Return everything that is on disk, except what has ended. Once, before anything else."""
        run, lists = self._connection.execute, self._file.lists
        groups = [GroupRow(*row) for row in run("SELECT id, labels, record FROM groups")]
        totals = [
            (n, Part(lists[name], _floats(sums), None if lost is None else _floats(lost)))
            for n, name, sums, lost in run("SELECT group_id, list, sums, lost FROM totals")
        ]
        members = []
        for n, who, name, sums, sequence, ttl, pushed, position, absent, absent_sums in run(
            "SELECT group_id, incarnation, list, sums, sequence, ttl, pushed, position, "
            "absent, absent_sums FROM members ORDER BY position"
        ):
            beside = None if absent is None else Part(lists[absent], _floats(absent_sums))
            series, values = lists[name], _floats(sums)
            members.append(
                MemberRow(n, who, series, values, sequence, ttl, pushed, position, beside)
            )
        self._file.lists = {}
        return Content(groups, totals, members, self._file.version)

    def find_ended(self, group: int, incarnation: str) -> EndedRow | None:
        """Return what is known of a process that has ended, None if it has not.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        with self._read_lock:
            row = self._reader.execute(
                "SELECT at, l.content, sums, sequence, ttl, pushed, a.content, absent_sums "
                "FROM ended LEFT JOIN lists l ON l.id=list LEFT JOIN lists a ON a.id=absent "
                "WHERE group_id=? AND incarnation=?",
                (group, incarnation),
            ).fetchone()
        if row is None:
            return None
        at, content, sums, sequence, ttl, pushed, absent, absent_sums = row
        if content is None:
            return EndedRow(group, incarnation, at, None)
        beside = None if absent is None else Part(SeriesList.load(absent), _floats(absent_sums))
        series, values = SeriesList.load(content), _floats(sums)
        member = MemberRow(group, incarnation, series, values, sequence, ttl, pushed, 0, beside)
        return EndedRow(group, incarnation, at, member)

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction. One caller at a time.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        with transaction(self._connection):
            new = write_rows(self._connection, batch, self._written)
            self._count()
        self._mark()
        self._written |= new

    def _count(self) -> None:
        self._connection.execute("UPDATE writes SET number=?", (self._writes + 1,))

    def _mark(self) -> None:
        self._writes += 1
        self._commits += 1
        self._file.mark(self._writes)

    def sync(self) -> None:
        """Bring everything that was written so far to the platter; callers share one wait.

        Raises:
            OSError: the disk did not take it.
        """
        wanted = self._commits
        with self._sync_lock:
            if self._synced < wanted:
                reached = self._commits
                os.fsync(self._log_file)
                self._synced = reached

    def prune(self, forget_before: float) -> None:
        """Forget old endings, and lists that nobody uses. Not beside :meth:`write`.

        Args:
            forget_before: endings older than this Unix time are forgotten.

        Raises:
            sqlite3.Error: nothing was forgotten.
        """
        connection = self._connection
        places = [("totals", "list"), *((t, c) for t in ("members", "ended") for c in _HELD)]
        used = " UNION ".join(
            f"SELECT {column} FROM {table} WHERE {column} NOT NULL"  # noqa: S608
            for table, column in places
        )
        with transaction(connection):
            connection.execute("DELETE FROM ended WHERE at<?", (forget_before,))
            connection.execute(f"DELETE FROM lists WHERE id NOT IN ({used})")  # noqa: S608
            kept = {row[0] for row in connection.execute("SELECT id FROM lists")}
        self._written &= kept

    def checkpoint(self) -> None:
        """Move what is in the log into the file, on a connection of its own: writers go on."""
        with contextlib.closing(connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _look(self) -> tuple[int, ...]:
        """Return which files stand under the two names now; 0 for none, or one that was emptied."""
        found = []
        for suffix in ("", "-wal"):
            try:
                what = os.stat(f"{self._name}{suffix}")  # noqa: PTH116  (often)
            except OSError:
                found.append(0)
            else:
                untouched = suffix and not self._commits  # the log begins with the first write
                found.append(what.st_ino if what.st_size or untouched else 0)
        return tuple(found)

    @property
    def intact(self) -> bool:
        """Whether the file and its log are still those that were opened."""
        return self._look() == self._inodes

    def renew(self) -> None:
        """Begin a new file in place of one that somebody took away; it is empty afterwards.

        What is still there under the old names is put aside. Not beside :meth:`write`.
        """
        with self._read_lock:
            self._reader.close()
            self._connection.close()
            if self._log_file >= 0:
                os.close(self._log_file)
                self._log_file = -1
            aside = self._file.set_aside()
            _log.error("the data file was taken away under the running service; what is left of "
                       "it is kept as %s, and everything in memory is written anew", aside.name)  # fmt: skip
            self._file.mark(0)
            self._open()

    @property
    def size(self) -> int:
        """Bytes that the file and its log take up."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(OSError):
                total += os.stat(f"{self._name}{suffix}").st_size  # noqa: PTH116  (at every scrape)
        return total

    def close(self) -> None:
        """Close the file; its log is moved into it."""
        os.close(self._log_file)
        self._reader.close()
        self._connection.close()
        self._file.close()
