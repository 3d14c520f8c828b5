"""The data file: nothing is lost without a word, and one failure does not make the next."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from services.metrics.errors import Rejected
from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import COUNT, Entry, Family, SeriesList
from services.metrics.store.journal import Batch, EndedRow, GroupRow, MemberRow
from services.metrics.store.sqlite_file import VERSION
from services.metrics.store.sqlite_storage import SqliteStorage
from tests.unit.service.store.service_store import Bench, counter, fail, gauge

VERSION_1 = Path(__file__).resolve().parents[3] / "fixtures" / "data-version-1"


def series(*names: str) -> SeriesList:
    families = [Family(name, "counter") for name in names]
    return SeriesList(families, [[Entry(name, "", COUNT)] for name in names])


def batch(*names: str) -> Batch:
    values = np.ones(len(names))
    member = MemberRow(
        1, "p", series(*names), values, 3, None, 5.0, 2, Part(series("gone"), np.ones(1))
    )
    return Batch(
        groups=[GroupRow(1, '[["job", "j"]]', "{}")],
        members=[member],
        totals=[(1, Part(series("t"), np.array([7.0]), np.array([0.5])))],
        ended=[EndedRow(1, "lost", 10.0, member), EndedRow(1, "clean", 20.0, None)],
    )


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    disk = SqliteStorage(tmp_path)
    disk.write(batch("a", "b"))
    disk.close()
    disk = SqliteStorage(tmp_path)
    content = disk.load()
    assert ([1], [7.0]) == (
        [row.id for row in content.groups],
        content.totals[0][1].values.tolist(),
    )
    (member,) = content.members
    assert (["a", "b"], 3, 2) == (member.series.names, member.sequence, member.position)
    assert member.absent is not None
    assert (["gone"], [1.0]) == (member.absent.series.names, member.absent.values.tolist())
    lost, clean = disk.find_ended(1, "lost"), disk.find_ended(1, "clean")
    assert lost is not None
    assert lost.member is not None
    assert lost.member.absent is not None
    assert clean is not None
    assert (20.0, None) == (clean.at, clean.member)
    assert None is disk.find_ended(1, "nobody")
    disk.close()


def test_totals_that_are_gone_are_gone_on_disk(tmp_path: Path) -> None:
    disk = SqliteStorage(tmp_path)
    disk.write(batch("a"))
    disk.write(Batch(no_totals=[1]))
    disk.close()
    disk = SqliteStorage(tmp_path)
    content = disk.load()
    assert ([], 1) == (content.totals, len(content.members))
    disk.write(Batch(gone=[1]))
    disk.close()
    disk = SqliteStorage(tmp_path)
    assert ([], [], []) == tuple(disk.load()[:3])
    assert None is disk.find_ended(1, "clean")
    disk.close()


@pytest.mark.parametrize("table", ["ended", "lists"])
def test_a_prune_that_fails_leaves_no_transaction_open(bench: Bench, table: str) -> None:
    bench.process("1", counter("t_total", 1), final=True)
    bench.process("2", gauge("g", 1))
    bench.scrape()
    bench.process("2", counter("t_total", 2), final=True)
    fail(bench.disk, table)
    bench.store.flusher.prune(bench.now + 1)
    assert "broken" in bench.store.flusher.last_error
    bench.disk._connection.execute("DROP TRIGGER broken")
    bench.process("3", counter("t_total", 4), final=True)
    bench.store.flusher.prune(bench.now + 1)
    assert (7, "") == (bench.value("t_total"), bench.store.flusher.last_error)
    bench.kill()
    assert 7 == bench.value("t_total")


def test_a_write_that_fails_half_way_is_made_whole_later(bench: Bench) -> None:
    fail(bench.disk, "members", "INSERT")
    bench.process("1", counter("t_total", 5))
    assert 5 == bench.value("t_total")
    bench.disk._connection.execute("DROP TRIGGER broken")
    assert 5 == bench.value("t_total")
    bench.kill()
    assert 5 == bench.value("t_total")


def test_what_was_forgotten_by_prune_is_written_again_when_it_is_used(bench: Bench) -> None:
    bench.process("1", gauge("g", 1))
    bench.scrape()
    bench.process("1", gauge("h", 1))
    bench.scrape()
    bench.store.flusher.prune(bench.now - 1)
    bench.process("1", gauge("g", 3))
    bench.scrape()
    bench.kill()
    assert 3 == bench.value("g")


def test_a_locked_file_does_not_hold_up_a_scrape(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5))
    bench.scrape()
    other = sqlite3.connect(bench.disk.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    bench.process("1", counter("t_total", 6))
    began = time.thread_time(), time.monotonic()
    assert 6 == bench.value("t_total")
    assert "locked" in bench.store.flusher.last_error
    with pytest.raises(Rejected, match="written to disk") as caught:
        bench.process("2", counter("t_total", 1), final=True)
    assert 503 == caught.value.status
    assert bench.disk._connection.execute("PRAGMA busy_timeout").fetchone()[0] <= 200
    assert began
    other.execute("COMMIT")
    assert 7 == bench.value("t_total")
    assert "" == bench.store.flusher.last_error
    other.close()


def test_nobody_else_may_read_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    bench = Bench(folder)
    bench.process("1", counter("t_total", 5))
    bench.scrape()
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {"metrics.db", "metrics.db-wal", "metrics.db-shm", "metrics.writes"} <= modes.keys()
    assert {0o600} == set(modes.values())
    bench.stop()


def test_a_folder_of_an_older_version_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(VERSION_1, folder, ignore=shutil.ignore_patterns("*.txt"))
    folder.chmod(0o755)
    (folder / "metrics.db").chmod(0o644)
    SqliteStorage(folder).close()
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE((folder / "metrics.db").stat().st_mode)


def test_a_folder_that_holds_other_things_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "somebody-elses").touch(mode=0o644)
    SqliteStorage(tmp_path).close()
    assert 0o755 == stat.S_IMODE(tmp_path.stat().st_mode)
    assert 0o644 == stat.S_IMODE((tmp_path / "somebody-elses").stat().st_mode)


def test_data_of_the_first_format_are_taken_up(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(VERSION_1, folder, ignore=shutil.ignore_patterns("*.txt"))
    bench = Bench(folder)
    agent = {"agent": "A"}
    assert (22, 9, 8) == (bench.value("t_total", **agent), bench.value("depth"), bench.value("g"))
    assert [("1", 6), ("+Inf", 10)] == bench.buckets("d_seconds")
    assert 3 == bench.value("t_total", agent="gone")
    body = '# TYPE t_total counter\nt_total{kind="x"} '
    assert "stale" == bench.process("clean", body + "99\n", sequence=9).outcome
    bench.process("live", body + "8\n", sequence=3)
    bench.process("lost", body + "6\n", sequence=5)
    assert 24 == bench.value("t_total", **agent)
    assert [("1", 6), ("+Inf", 10)] == bench.buckets("d_seconds")
    bench.kill()
    assert 24 == bench.value("t_total", **agent)
    assert [("1", 6), ("+Inf", 10)] == bench.buckets("d_seconds")
    version = bench.disk._connection.execute("PRAGMA user_version").fetchone()[0]
    assert (VERSION, "") == (version, bench.disk.complaint)
    bench.stop()


def killed(bench: Bench) -> Path:
    """Count 5 and end, which stays in the log; the folder is as after ``kill -9``."""
    bench.process("1", counter("t_total", 2), final=True)
    bench.disk.checkpoint()
    bench.process("2", counter("t_total", 3), final=True)
    assert 5 == bench.value("t_total")
    copy = bench.folder.with_name("copy")
    shutil.copytree(bench.folder, copy)
    return copy


@pytest.mark.parametrize("how", ["deleted", "emptied", "damaged"])
def test_a_log_that_was_destroyed_is_noticed_and_said(
    bench: Bench, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = killed(bench)
    log = folder / "metrics.db-wal"
    if how == "deleted":
        log.unlink()
    else:
        log.write_bytes(b"" if how == "emptied" else b"\x17" * log.stat().st_size)
    after = Bench(folder)
    assert "is older than it was" in after.disk.complaint
    assert after.disk.complaint in caplog.text
    assert 2 == after.value("t_total")
    after.restart()
    assert "" == after.disk.complaint
    after.stop()


@pytest.mark.parametrize("how", ["deleted", "emptied", "an old copy"])
def test_a_data_file_that_was_emptied_is_noticed_and_said(bench: Bench, how: str) -> None:
    bench.process("1", counter("t_total", 2), final=True)
    bench.stop()
    data = bench.folder / "metrics.db"
    old = data.read_bytes()
    bench.start()
    bench.process("2", counter("t_total", 3), final=True)
    bench.stop()
    if how == "deleted":
        data.unlink()
    else:
        data.write_bytes(b"" if how == "emptied" else old)
    bench.start()
    assert bench.disk.complaint.startswith("the data file ")
    assert "totals of processes that ended may be too low" in bench.disk.complaint


def test_a_new_folder_is_no_reason_to_complain(bench: Bench) -> None:
    assert "" == bench.disk.complaint
    bench.process("1", counter("t_total", 2), final=True)
    for _ in range(2):
        bench.kill()
        bench.restart()
        assert "" == bench.disk.complaint


@pytest.mark.parametrize("what", ["metrics.db", "metrics.db-wal", "both"])
@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_file_that_is_taken_away_from_a_running_service_is_written_anew(
    bench: Bench, what: str, how: str
) -> None:
    bench.process("ended", counter("t_total", 2) + counter("u_total", 1), final=True)
    bench.process("live", counter("t_total", 3))
    bench.process("live", counter("u_total", 4), sequence=1)
    bench.push("script", gauge("g", 8))
    bench.scrape()
    assert not bench.store.heal()
    for name in ("metrics.db", "metrics.db-wal") if what == "both" else (what,):
        path = bench.folder / name
        if how == "deleted":
            path.unlink()
        else:
            path.write_bytes(b"")
    assert bench.store.heal()
    assert not bench.store.heal()
    bench.process("live", counter("t_total", 5), sequence=2)
    bench.scrape()
    bench.kill()
    assert (7, 5, 8) == tuple(bench.value(name) for name in ("t_total", "u_total", "g"))
