"""The data file: opened, brought up to date, and held against what was written to it last.

The file counts its writes, and so does a mark beside it. A file that has fewer than the mark has
lost its log, was emptied, or is an old copy: that is said, for totals would be too low without a
word.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from services.metrics.series.series_list import SeriesList

VERSION = 2
BUSY_SECONDS = 0.1
"""How long a statement waits for somebody else who has locked the file."""
OPENING_SECONDS = 5.0
"""The same at the start, when nobody waits for a scrape yet."""
OUR_FILES = ("metrics.", "lock", "audit.")
"""How the names of our files begin. A folder that has others too keeps the rights that it has."""
_SUFFIXES = ("", "-wal", "-shm")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lists(id BLOB PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS groups(
  id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS totals(
  group_id INTEGER PRIMARY KEY, list BLOB NOT NULL, sums BLOB NOT NULL, lost BLOB);
CREATE TABLE IF NOT EXISTS members(
  group_id INTEGER NOT NULL, incarnation TEXT NOT NULL, list BLOB NOT NULL, sums BLOB NOT NULL,
  sequence INTEGER NOT NULL, ttl REAL, pushed REAL NOT NULL, position INTEGER NOT NULL,
  absent BLOB, absent_sums BLOB, UNIQUE(group_id, incarnation));
CREATE TABLE IF NOT EXISTS ended(
  group_id INTEGER NOT NULL, incarnation TEXT NOT NULL, at REAL NOT NULL, list BLOB, sums BLOB,
  sequence INTEGER, ttl REAL, pushed REAL,
  absent BLOB, absent_sums BLOB, UNIQUE(group_id, incarnation));
CREATE INDEX IF NOT EXISTS ended_at ON ended(at);
CREATE TABLE IF NOT EXISTS writes(number INTEGER NOT NULL);
INSERT INTO writes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM writes);
"""
_FROM_VERSION_1 = (
    "ALTER TABLE members ADD COLUMN absent BLOB",
    "ALTER TABLE members ADD COLUMN absent_sums BLOB",
    "ALTER TABLE ended ADD COLUMN absent BLOB",
    "ALTER TABLE ended ADD COLUMN absent_sums BLOB",
)
_log = logging.getLogger("dreamos.metrics.disk")


class DataFile:
    """The path of the data file, and the mark beside it.

    Args:
        folder: is made when it is not there; nobody else may read it.

    Attributes:
        path: of the file.
        damaged: where a damaged file was put aside, or None.
        complaint: what is missing from the file, as a sentence; empty when nothing is.
        lists: the lists of series that are in the file.
        version: of the file as it was found; 0 for a new one.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / "metrics.db"
        self.damaged: Path | None = None
        self.complaint = ""
        self.lists: dict[bytes, SeriesList] = {}
        self.version = 0
        if all(entry.name.startswith(OUR_FILES) for entry in folder.iterdir()):
            _close_to_others(folder, 0o700)
        for suffix in _SUFFIXES:
            _close_to_others(Path(f"{self.path}{suffix}"), 0o600)
        mark = os.open(folder / "metrics.writes", os.O_RDWR | os.O_CREAT, 0o600)
        self._mark = os.fdopen(mark, "r+b", buffering=0)

    def open(self) -> sqlite3.Connection:
        """Open the file; a damaged one is put aside, and a new one begun.

        Raises:
            sqlite3.Error: it cannot be opened although it was made anew, or is of a newer version.
        """
        found = self.path.exists()
        emptied = found and self.path.stat().st_size == 0
        try:
            connection = self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise
            self.damaged = self.set_aside()
            _log.error(
                "the data file was damaged (%s); it is kept as %s and a new one is begun",
                error,
                self.damaged.name,
            )
            self.mark(0)
            return self._connect()
        self._compare(connection, found, emptied)
        return connection

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = connect(self.path, OPENING_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            self._bring_up_to_date(connection)
            self._check_content(connection)
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1_000)}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        self.version = connection.execute("PRAGMA user_version").fetchone()[0]
        if self.version > VERSION:
            raise sqlite3.OperationalError("the data file is of a newer version of the service")
        with transaction(connection):
            if self.version == 1:
                for statement in _FROM_VERSION_1:
                    connection.execute(statement)
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={VERSION}")

    def _check_content(self, connection: sqlite3.Connection) -> None:
        """Read every list and every blob once, so that damage inside a row shows now."""
        self.lists = {}
        for name, content in connection.execute("SELECT id, content FROM lists ORDER BY rowid"):
            try:
                self.lists[name] = SeriesList.load(content)
            except ValueError as error:
                raise sqlite3.DatabaseError(str(error)) from None
        for row in connection.execute("SELECT labels, record FROM groups"):
            try:
                labels, record = map(json.loads, row)
                dict(labels), dict(record)
            except ValueError as error:
                raise sqlite3.DatabaseError(f"a group cannot be read: {error}") from None
        for table, name, sums in (
            ("totals", "list", "sums"),
            ("members", "list", "sums"),
            ("members", "absent", "absent_sums"),
        ):
            rows = connection.execute(
                f"SELECT {name}, length({sums}) FROM {table} WHERE {name} NOT NULL"  # noqa: S608
            )
            for held, size in rows:
                if held not in self.lists or size != 8 * len(self.lists[held]):
                    raise sqlite3.DatabaseError(f"a row of {table} does not fit its list")

    def _compare(self, connection: sqlite3.Connection, found: bool, emptied: bool) -> None:
        """Hold the number of writes in the file against the mark."""
        held = writes_in(connection)
        marked = self.marked
        if marked > held or emptied:
            what = "is gone" if not found else "was emptied" if emptied else "is older than it was"
            missing = f"; {marked - held} writes are missing" if marked > held else ""
            self.complaint = (
                f"the data file {what}{missing}: totals of processes that ended may be too low"
            )
            _log.error(
                "%s. A backup can be put in its place while the service is down", self.complaint
            )
        self.mark(held)

    @property
    def marked(self) -> int:
        """Number of writes by the mark; 0 where there is none."""
        self._mark.seek(0)
        text = self._mark.read(32).strip()
        return int(text) if text.isdigit() else 0

    def mark(self, writes: int) -> None:
        """Note how many writes the file has."""
        self._mark.seek(0)
        self._mark.write(b"%020d\n" % writes)

    def set_aside(self) -> Path:
        """Give the file and its log another name, which is returned."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        target = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{os.getpid()}")
        for suffix in _SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{target}{suffix}")
        return target

    def close(self) -> None:
        """Close the mark."""
        self._mark.close()


def connect(path: Path, patience: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection that any thread may use, and that waits for others only for a moment."""
    return sqlite3.connect(path, timeout=patience, check_same_thread=False, isolation_level=None)


def writes_in(connection: sqlite3.Connection) -> int:
    """Return how many writes a file has taken."""
    return int(connection.execute("SELECT max(number) FROM writes").fetchone()[0])


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Begin a transaction; it is committed at the end, or undone when anything is raised.

    One that stayed open would refuse every later one.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _close_to_others(path: Path, mode: int) -> None:
    """Take the rights of others to a file or folder away, where it is ours."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if path.stat().st_mode & 0o777 & ~mode:
            path.chmod(mode)
