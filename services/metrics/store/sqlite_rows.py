"""Rows of a batch, as they are written to the tables of the data file."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Sequence
from typing import Any

from services.metrics.store.journal import Batch, MemberRow

Run = sqlite3.Connection


def write_rows(run: Run, batch: Batch, known: Container[bytes]) -> set[bytes]:
    """Write a batch, inside of a transaction of the caller's.

    Args:
        run: the connection.
        batch: the rows.
        known: names of the lists that are in the file.

    Returns:
        Names of lists that were not in the file before.
    """
    new = _write_lists(run, batch, known)
    _write_groups(run, batch)
    _write_members(run, batch)
    _write_ended(run, batch)
    return new


def _write_lists(run: Run, batch: Batch, known: Container[bytes]) -> set[bytes]:
    rows = [*batch.members, *(row.member for row in batch.ended if row.member is not None)]
    lists = [part.series for _, part in batch.totals]
    for row in rows:
        lists.append(row.series)
        if row.absent is not None:
            lists.append(row.absent.series)
    new: set[bytes] = set()
    for series in dict.fromkeys(lists):
        if series.digest not in known:
            new.add(series.digest)
            content = (series.digest, series.dump())
            run.execute("INSERT OR IGNORE INTO lists VALUES(?,?)", content)
    return new


def _write_groups(run: Run, batch: Batch) -> None:
    many = run.executemany
    for table in ("totals", "members", "ended"):
        many(f"DELETE FROM {table} WHERE group_id=?", [(n,) for n in batch.gone])  # noqa: S608
    many("DELETE FROM groups WHERE id=?", [(n,) for n in batch.gone])
    many("DELETE FROM totals WHERE group_id=?", [(n,) for n in batch.no_totals])
    _insert(run, "groups", batch.groups)
    _insert(
        run,
        "totals",
        [
            (n, p.series.digest, p.values.data, None if p.lost is None else p.lost.data)
            for n, p in batch.totals
        ],
    )


def _write_members(run: Run, batch: Batch) -> None:
    many = run.executemany
    many("DELETE FROM members WHERE group_id=? AND incarnation=?", batch.removed)
    _insert(
        run,
        "members",
        [
            (*row[:2], row.series.digest, row.values.data, *row[4:8], *_beside(row))
            for row in batch.members
        ],
    )


def _write_ended(run: Run, batch: Batch) -> None:
    many = run.executemany
    many("DELETE FROM ended WHERE group_id=? AND incarnation=?", batch.revived)
    rows = []
    for row in batch.ended:
        last: tuple[Any, ...] = (None,) * 7
        if row.member is not None:
            m = row.member
            beside = _beside(m)
            last = (m.series.digest, m.values.data, m.sequence, m.ttl, m.pushed, *beside)
        rows.append((row.group, row.incarnation, row.at, *last))
    _insert(run, "ended", rows)


def _insert(run: Run, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Put rows in or replace them, many in one statement.

    The interpreter may run something else first after every statement, so a scrape that
    waits for the write waits less often.
    """
    at = 0
    while at < len(rows):
        size = next(size for size in (64, 16, 4, 1) if size <= len(rows) - at)
        marks = "(" + ",".join("?" * len(rows[at])) + ")"
        sql = f"INSERT OR REPLACE INTO {table} VALUES" + ",".join([marks] * size)
        run.execute(sql, [value for row in rows[at : at + size] for value in row])
        at += size


def _beside(row: MemberRow) -> Iterable[object]:
    if row.absent is None:
        return None, None
    return row.absent.series.digest, row.absent.values.data
