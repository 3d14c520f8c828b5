"""What the library costs while the service is away: bounded memory, bounded disk, one line of log."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

from dreamos_metrics.metrics.family import Family
from dreamos_metrics.spool import recovery, spool_folder
from dreamos_metrics.spool.values_file import MAX_FILE_BYTES, FileStorage
from tests.unit.library.core.test_core_survival import run, unused_url

HEADER = {"url": "http://127.0.0.1:1", "job": "j", "agent": "a"}


def final(folder: Path, name: str, age: float = 0, size: int = 1000) -> Path:
    """Leave a final snapshot of about this size and age."""
    spool_folder.write_final(folder, {**HEADER, "incarnation": name}, 1, os.urandom(size))
    path = folder / f"{name}.final"
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_a_hundred_failed_pushes_log_one_line_and_keep_no_memory(tmp_path: Path) -> None:
    code = """
import gc, tracemalloc
from dreamos.core.metrics import Counter, flush
c = Counter("c_total", "c", ["a"])
for n in range(100): c.inc(tags={"a": n})
for n in range(20): assert not flush()
tracemalloc.start(); gc.collect()
before = tracemalloc.get_traced_memory()[0]
for n in range(100): assert not flush()
gc.collect()
print(tracemalloc.get_traced_memory()[0] - before)
"""
    done = run(code, unused_url(), tmp_path)
    assert 0 == done.returncode, done.stderr
    assert 50_000 > int(done.stdout)
    assert 1 == len(done.stderr.splitlines()), done.stderr
    assert 1 == len(spool_folder.waiting(tmp_path)), (
        "a process leaves one file, however long it ran"
    )


def test_the_spool_drops_the_oldest_when_it_is_too_large(tmp_path: Path) -> None:
    old, middle, new = (
        final(tmp_path, name, age) for name, age in (("o", 30), ("m", 20), ("n", 0))
    )
    assert 1 == spool_folder.tidy(tmp_path, max_bytes=2 * new.stat().st_size + 100)
    assert [False, True, True] == [path.exists() for path in (old, middle, new)]


def test_the_spool_drops_what_is_too_old(tmp_path: Path) -> None:
    old, new = final(tmp_path, "o", age=8 * 86400), final(tmp_path, "n")
    assert 1 == spool_folder.tidy(tmp_path)
    assert [False, True] == [path.exists() for path in (old, new)]


def test_a_running_process_keeps_its_file_however_full_the_spool_is(tmp_path: Path) -> None:
    store = FileStorage(tmp_path, {**HEADER, "incarnation": "live"})
    store.open()
    os.utime(store.path, (0, 0))
    spool_folder.tidy(tmp_path, max_bytes=0)
    assert store.path.exists()
    store.abandon()
    spool_folder.tidy(tmp_path, max_bytes=0)
    assert not store.path.exists()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = spool_folder.writable_folder(str(tmp_path / "new" / "spool"))
    assert folder is not None
    store = FileStorage(folder, {**HEADER, "incarnation": "live"})
    store.open()
    modes = [path.stat().st_mode & 0o777 for path in (folder, store.path, final(folder, "f"))]
    assert [0o700, 0o600, 0o600] == modes
    store.remove()


def test_a_snapshot_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = final(tmp_path, "f", size=100_000)
    assert [path.name] == [file.name for file in tmp_path.iterdir()]
    path.write_bytes(path.read_bytes()[:-100_000])
    with recovery.claim(path) as entry:
        assert entry is None
    assert (tmp_path / "f.refused").exists()


def test_a_small_process_needs_little_disk_and_a_large_one_has_a_limit(tmp_path: Path) -> None:
    store = FileStorage(tmp_path, {**HEADER, "incarnation": "i"})
    family = Family("c", "counter", "d", ("a",))
    for number in range(100):
        store.allocate(family, (str(number),), 2)
    assert 32 * 1024 >= store.path.stat().st_size
    wide = Family("h", "counter", "d", ("a",))
    failed = 0
    for number in range(80):
        try:
            store.allocate(wide, (str(number),), 130_000)
        except OSError:
            failed += 1
    assert failed > 0
    assert MAX_FILE_BYTES >= store.path.stat().st_size
    store.remove()


def test_a_spooled_body_is_packed(tmp_path: Path) -> None:
    spool_folder.write_final(
        tmp_path, {**HEADER, "incarnation": "i"}, 3, b"x_total 1\n" * 1000 + b"# EOF\n"
    )
    with recovery.claim(tmp_path / "i.final") as entry:
        assert entry is not None
        assert (3, False) == (entry.sequence, entry.uncertain)
        assert gzip.decompress(entry.body).endswith(b"# EOF\n")
    assert 500 > (tmp_path / "i.final").stat().st_size


def test_a_full_disk_sends_new_series_to_memory_and_nothing_is_lost(tmp_path: Path) -> None:
    code = """
import resource, sys
from dreamos.core.metrics import Counter, flush
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
c = Counter("c_total", "c", ["a"])
for n in range(5000): c.inc(tags={"a": n})
for n in range(5000): c.inc(tags={"a": n})
print(sum(c.labels(n).value for n in range(5000)))
"""
    done = run(code, unused_url(), tmp_path)
    assert (0, "10000.0\n") == (done.returncode, done.stdout), done.stderr
    assert 1 == done.stderr.count("spool_full")
