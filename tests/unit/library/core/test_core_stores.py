"""What a kill can find half written in a values file: nothing."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dreamos_metrics.spool import layout
from dreamos_metrics.spool.values_reader import read_values
from tests.unit.library.core.test_core_survival import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

# Numbers of which every byte differs: one that is half the one and half the other is neither.
LOW, HIGH = 0x0102030405060708, 0x1112131415161718

WRITER = """
import sys
from pathlib import Path
from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.spool.values_file import FileStorage
storage = FileStorage(Path(sys.argv[1]), {"incarnation": "i", "url": "u", "job": "j", "agent": "a"})
storage.open()
storage.record_sequence(1)
print("up", flush=True)
number = 0
while True:
    BODY
"""
# Without the time of change, so that there is nothing but stores to be seen.
SEQUENCES = (
    f"storage._lock.touch = int; storage.record_sequence({LOW}); storage.record_sequence({HIGH})"
)
SERIES = """
    number += 1
    storage.record_sequence(number)
    storage.allocate(Definition(f"m{number % 7}", "counter", "x" * (number % 5), ("a",)), ("v" * (number % 11),), 2)
"""


def start(body: str, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER.replace("BODY", body.strip()), str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert process.stdout is not None
    assert b"up\n" == process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()


def test_whoever_looks_sees_one_sequence_number_or_the_other(tmp_path: Path) -> None:
    import mmap

    process = start(SEQUENCES, tmp_path)
    try:
        with (tmp_path / "i.live").open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)).cast("Q")
        at = layout.SEQUENCE_OFFSET // 8
        seen: set[int] = set()
        until = time.monotonic() + 60
        looks = 0
        while time.monotonic() < until and (looks < 1_000_000 or not {LOW, HIGH} <= seen):
            seen.update(view[at] for _ in range(1000))
            looks += 1000
        assert {LOW, HIGH} <= seen <= {1, LOW, HIGH}, [hex(number) for number in seen]
    finally:
        end(process)


def test_a_kill_at_any_moment_leaves_a_file_that_can_be_read(tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = start(SERIES, folder)
        try:
            time.sleep(0.02 * number)  # the moment is the test
        finally:
            end(process)
        left = read_values((folder / "i.live").read_bytes())
        assert left.sequence >= 1
        written = sum(len(series) for _, series in left.families)
        assert left.sequence - 1 <= written + 1
        assert written <= left.sequence


def test_every_number_lies_on_a_multiple_of_its_size(tmp_path: Path) -> None:
    process = start(SERIES, tmp_path)
    time.sleep(0.2)
    end(process)
    data = (tmp_path / "i.live").read_bytes()
    _, _, first, length = layout.HEAD.unpack_from(data)
    assert 0 == (layout.HEAD.size + length) % 8
    at, records = layout.HEAD.size + length, 0
    while at < first:
        (size,) = struct.unpack_from("<I", data, at)
        if not size:
            break
        assert 0 == at % 4
        at, records = at + 4 + size, records + 1
    assert records > 10
