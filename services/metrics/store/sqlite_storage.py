"""The store on disk: one SQLite file with a write-ahead log, one writer, nothing lost by kill -9.

A commit is in the operating system's hands when :meth:`SqliteStorage.write` returns, so it survives the
death of the process. :meth:`SqliteStorage.sync` brings it to the platter, so it survives a power cut: that
is waited for before a final push is acknowledged, outside of any lock that a scrape needs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import Floats, SeriesList
from services.metrics.store.journal import Batch, EndedRow, GroupRow, MemberRow

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lists(id BLOB PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS groups(
  id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS totals(
  group_id INTEGER PRIMARY KEY, list BLOB NOT NULL, sums BLOB NOT NULL, lost BLOB);
CREATE TABLE IF NOT EXISTS members(
  group_id INTEGER NOT NULL, incarnation TEXT NOT NULL, list BLOB NOT NULL, sums BLOB NOT NULL,
  sequence INTEGER NOT NULL, ttl REAL, pushed REAL NOT NULL, position INTEGER NOT NULL,
  UNIQUE(group_id, incarnation));
CREATE TABLE IF NOT EXISTS ended(
  group_id INTEGER NOT NULL, incarnation TEXT NOT NULL, at REAL NOT NULL, list BLOB, sums BLOB,
  sequence INTEGER, ttl REAL, pushed REAL, UNIQUE(group_id, incarnation));
CREATE INDEX IF NOT EXISTS ended_at ON ended(at);
"""
_log = logging.getLogger("dreamos.metrics.disk")


class Content(NamedTuple):
    """What a file holds."""

    groups: list[GroupRow]
    totals: list[tuple[int, Part]]
    members: list[MemberRow]


def _floats(raw: bytes) -> Floats:
    return np.frombuffer(raw, dtype=np.float64)


class SqliteStorage:
    """The file ``metrics.db`` in a folder.

    Args:
        folder: is made when it is not there.

    Attributes:
        damaged: where a damaged file was put aside at the start, or None.

    Raises:
        OSError: the folder cannot be written.
        sqlite3.Error: the file cannot be opened although it was made anew.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.db"
        self._name = str(self.path)
        self.damaged: Path | None = None
        self._lists: dict[bytes, SeriesList] = {}
        self._written: set[bytes] = set()
        self._read_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._commits = self._synced = 0
        self._connection = self._open()
        self._reader = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self._log_file = os.open(f"{self.path}-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise
            self.damaged = self._set_aside()
            _log.error(
                "the data file was damaged (%s); it is kept as %s and a new one is begun",
                error,
                self.damaged.name,
            )
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise sqlite3.OperationalError("the data file is of a newer version of the service")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={VERSION}")
            self._check_content(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _check_content(self, connection: sqlite3.Connection) -> None:
        """Read every list and every blob once, so that damage inside a row shows now."""
        self._lists = {}
        for name, content in connection.execute("SELECT id, content FROM lists"):
            try:
                self._lists[name] = SeriesList.load(content)
            except ValueError as error:
                raise sqlite3.DatabaseError(str(error)) from None
        self._written = set(self._lists)
        for row in connection.execute("SELECT labels, record FROM groups"):
            try:
                labels, record = map(json.loads, row)
                dict(labels), dict(record)
            except ValueError as error:
                raise sqlite3.DatabaseError(f"a group cannot be read: {error}") from None
        for table in ("totals", "members"):
            rows = connection.execute(f"SELECT list, length(sums) FROM {table}")  # noqa: S608
            for name, size in rows:
                if name not in self._lists or size != 8 * len(self._lists[name]):
                    raise sqlite3.DatabaseError(f"a row of {table} does not fit its list")

    def _set_aside(self) -> Path:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        target = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{os.getpid()}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{target}{suffix}")
        return target

    def load(self) -> Content:
        """Return everything that is on disk, except what has ended."""
        run = self._connection.execute
        groups = [GroupRow(*row) for row in run("SELECT id, labels, record FROM groups")]
        totals = [
            (n, Part(self._lists[name], _floats(sums), None if lost is None else _floats(lost)))
            for n, name, sums, lost in run("SELECT group_id, list, sums, lost FROM totals")
        ]
        members = [
            MemberRow(n, incarnation, self._lists[name], _floats(sums), *rest)
            for n, incarnation, name, sums, *rest in run(
                "SELECT group_id, incarnation, list, sums, sequence, ttl, pushed, position "
                "FROM members ORDER BY position"
            )
        ]
        self._lists = {}
        return Content(groups, totals, members)

    def find_ended(self, group: int, incarnation: str) -> EndedRow | None:
        """Return what is known of a process that has ended, None if it has not."""
        with self._read_lock:
            row = self._reader.execute(
                "SELECT at, content, sums, sequence, ttl, pushed FROM ended "
                "LEFT JOIN lists ON lists.id=ended.list WHERE group_id=? AND incarnation=?",
                (group, incarnation),
            ).fetchone()
        if row is None:
            return None
        if row[1] is None:
            return EndedRow(group, incarnation, row[0], None)
        series = SeriesList.load(row[1])
        at, _, sums, sequence, ttl, pushed = row
        last = _floats(sums)
        member = MemberRow(group, incarnation, series, last, sequence, ttl, pushed, 0)
        return EndedRow(group, incarnation, at, member)

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction. One caller at a time.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        connection = self._connection
        new: set[bytes] = set()
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._write_lists(batch, new)
            self._write_groups(batch)
            self._write_members(batch)
            self._write_ended(batch)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._written |= new
        self._commits += 1

    def _write_lists(self, batch: Batch, new: set[bytes]) -> None:
        lists = [row.series for row in batch.members]
        lists += [part.series for _, part in batch.totals]
        lists += [row.member.series for row in batch.ended if row.member is not None]
        for series in dict.fromkeys(lists):
            if series.digest not in self._written:
                new.add(series.digest)
                row = (series.digest, series.dump())
                self._connection.execute("INSERT OR IGNORE INTO lists VALUES(?,?)", row)

    def _write_groups(self, batch: Batch) -> None:
        many = self._connection.executemany
        for table in ("totals", "members", "ended"):
            many(f"DELETE FROM {table} WHERE group_id=?", [(n,) for n in batch.gone])  # noqa: S608
        many("DELETE FROM groups WHERE id=?", [(n,) for n in batch.gone])
        self._insert("groups", batch.groups)
        self._insert(
            "totals",
            [
                (n, p.series.digest, p.values.data, None if p.lost is None else p.lost.data)
                for n, p in batch.totals
            ],
        )

    def _write_members(self, batch: Batch) -> None:
        many = self._connection.executemany
        many("DELETE FROM members WHERE group_id=? AND incarnation=?", batch.removed)
        self._insert(
            "members",
            [(*row[:2], row.series.digest, row.values.data, *row[4:]) for row in batch.members],
        )

    def _write_ended(self, batch: Batch) -> None:
        many = self._connection.executemany
        many("DELETE FROM ended WHERE group_id=? AND incarnation=?", batch.revived)
        rows = []
        for row in batch.ended:
            last: tuple[object, ...] = (None,) * 5
            if row.member is not None:
                m = row.member
                last = (m.series.digest, m.values.data, m.sequence, m.ttl, m.pushed)
            rows.append((row.group, row.incarnation, row.at, *last))
        self._insert("ended", rows)

    def _insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Put rows in or replace them, many in one statement.

        The interpreter may run something else first after every statement, so a scrape that
        waits for the write waits less often.
        """
        at = 0
        while at < len(rows):
            size = next(size for size in (64, 16, 4, 1) if size <= len(rows) - at)
            marks = "(" + ",".join("?" * len(rows[at])) + ")"
            sql = f"INSERT OR REPLACE INTO {table} VALUES" + ",".join([marks] * size)
            self._connection.execute(sql, [value for row in rows[at : at + size] for value in row])
            at += size

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
        """
        connection = self._connection
        used = " UNION ".join(f"SELECT list FROM {t}" for t in ("totals", "members", "ended"))  # noqa: S608
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM ended WHERE at<?", (forget_before,))
        connection.execute(f"DELETE FROM lists WHERE id NOT IN ({used} WHERE list NOT NULL)")  # noqa: S608
        kept = {row[0] for row in connection.execute("SELECT id FROM lists")}
        connection.execute("COMMIT")
        self._written &= kept

    def checkpoint(self) -> None:
        """Move what is in the log into the file, on a connection of its own: writers go on."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

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
