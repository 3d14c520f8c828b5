"""The mount reader's record stands in for the host's root, and never lies when nobody writes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host import filesystem, kernel
from services.metrics.observer.host.source import Source
from services.metrics.observer.mount_reader import RECORD, MountReader
from tests.unit.observer.reading import values
from tools.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the Linux kernel's files")


def shown(source: Source) -> MetricBuilder:
    out = MetricBuilder()
    filesystem.Filesystems().collect(source, out)
    return out


def test_the_record_says_what_looking_oneself_would_have_said(tmp_path: Path) -> None:
    MountReader(Source(), tmp_path).write()

    ours = values(shown(Source()).list(), "node_filesystem_size_bytes", "mountpoint")
    read = shown(Source(mounts=str(tmp_path / RECORD))).list()
    assert "/" in ours
    assert ours == values(read, "node_filesystem_size_bytes", "mountpoint")
    for name in ("avail_bytes", "free_bytes", "files", "files_free", "readonly", "device_error"):
        assert ours.keys() == values(read, f"node_filesystem_{name}", "mountpoint").keys()
    assert ours.keys() == values(read, "node_filesystem_mount_info", "mountpoint").keys()


def test_a_mount_that_cannot_be_measured_is_an_error_in_the_record_too(tmp_path: Path) -> None:
    proc = tmp_path / "proc" / "1"
    proc.mkdir(parents=True)
    (proc / "mountinfo").write_text("1 1 8:1 / /no/such rw - ext4 /dev/d rw\n")
    MountReader(Source(proc=str(tmp_path / "proc")), tmp_path).write()

    read = shown(Source(mounts=str(tmp_path / RECORD))).list()
    assert {"/no/such": 1.0} == values(read, "node_filesystem_device_error", "mountpoint")
    assert {} == values(read, "node_filesystem_size_bytes", "mountpoint")


def test_a_record_that_is_missing_or_old_is_no_figure(tmp_path: Path) -> None:
    record = tmp_path / RECORD
    with pytest.raises(OSError, match="No such file"):
        shown(Source(mounts=str(record)))
    MountReader(Source(), tmp_path).write()
    long_ago = time.time() - filesystem.MAX_RECORD_AGE_SECONDS - 1
    os.utime(record, (long_ago, long_ago))
    with pytest.raises(OSError, match="s old"):
        shown(Source(mounts=str(record)))


def test_who_the_host_is_is_copied_and_nothing_else(tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "etc").mkdir(parents=True)
    out.mkdir()
    (root / "etc/hostname").write_text("build-7\n")
    (root / "etc/os-release").write_text('NAME="Other"\nVERSION_ID="9.1"\n')
    (root / "etc/shadow").write_text("secret")
    MountReader(Source(proc="/proc", root=str(root)), out).write()

    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert {"etc/hostname", "etc/os-release", RECORD} == written
    found = MetricBuilder()
    kernel.os_release(Source(proc="/other/proc", root=str(out)), found)
    assert {"Other": 9.1} == values(found.list(), "node_os_version", "name")


def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.metrics.observer.mount_reader"]
    command += ["--proc", "/proc", "--root", "/", "--out", str(tmp_path), "--interval", "0.05"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[4])
    try:
        eventually((tmp_path / RECORD).exists, hopeless=process.poll)
        first = (tmp_path / RECORD).stat().st_mtime_ns
        eventually(lambda: first < (tmp_path / RECORD).stat().st_mtime_ns)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(60)
    finally:
        process.kill()
        process.wait()
