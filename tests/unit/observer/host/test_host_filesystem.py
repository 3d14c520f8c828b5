from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host import filesystem
from services.metrics.observer.host.source import Source
from tests.unit.observer.reading import value, values

LINE = "{id} 1 8:1 / {at} {options} shared:1 - {fstype} {device} {super}\n"


def listing(proc: Path, *mounts: tuple[str, str, str]) -> Source:
    (proc / "1").mkdir(parents=True, exist_ok=True)
    lines = [
        LINE.format(id=n, at=at, options=options, fstype=fstype, device=f"/dev/d{n}", super="rw")
        for n, (at, fstype, options) in enumerate(mounts)
    ]
    (proc / "1" / "mountinfo").write_text("".join(lines))
    return Source(proc=str(proc))


def test_blanks_in_a_mount_point_are_told_as_blanks(tmp_path: Path) -> None:
    source = listing(tmp_path, (r"/data\040of\040agents", "ext4", "rw"))
    assert ["/data of agents"] == [mount.mountpoint for mount in filesystem.mounts(source)]


def test_kernel_file_systems_and_docker_layers_are_passed_over(tmp_path: Path) -> None:
    source = listing(
        tmp_path,
        ("/", "ext4", "rw"),
        ("/sys/fs/cgroup", "tmpfs", "rw"),
        ("/snap/x", "squashfs", "ro"),
        ("/var/lib/docker/overlay2/a/merged", "overlay", "rw"),
        ("/var/lib/docker", "ext4", "rw"),
    )
    assert ["/", "/var/lib/docker"] == [mount.mountpoint for mount in filesystem.mounts(source)]


def test_sizes_are_read_below_the_mounted_root(tmp_path: Path) -> None:
    source = listing(tmp_path / "proc", ("/", "ext4", "ro"))
    out = MetricBuilder()
    (tmp_path / "root").mkdir()
    placed = Source(proc=source.proc, root=str(tmp_path / "root"))
    filesystem.Filesystems().collect(placed, out)
    labels = {"device": "/dev/d0", "fstype": "ext4", "mountpoint": "/"}
    here = os.statvfs(tmp_path)
    size = value(out.list(), "node_filesystem_size_bytes", **labels)
    assert here.f_blocks * here.f_frsize == size
    assert 1 == value(out.list(), "node_filesystem_readonly", **labels)


def test_a_mount_that_is_gone_shows_as_a_device_error_and_nothing_else(tmp_path: Path) -> None:
    out = MetricBuilder()
    filesystem.Filesystems().collect(listing(tmp_path, ("/no/such/place", "ext4", "rw")), out)
    assert {"/no/such/place": 1.0} == values(
        out.list(), "node_filesystem_device_error", "mountpoint"
    )
    assert {} == values(out.list(), "node_filesystem_size_bytes", "mountpoint")


class Unanswered(filesystem.Question):
    """A question to a server that is gone: it hangs until it is let go."""

    let_go = threading.Event()
    asked = 0

    def run(self) -> None:
        Unanswered.asked += 1
        self.let_go.wait(60)
        super().run()


def test_a_hanging_network_mount_is_reported_and_not_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "Question", Unanswered)
    monkeypatch.setattr(filesystem, "PATIENCE_SECONDS", 0.01)
    source, systems = listing(tmp_path, ("/tmp", "nfs4", "rw")), filesystem.Filesystems()
    for _ in range(3):
        out = MetricBuilder()
        systems.collect(source, out)
        assert {"/tmp": 1.0} == values(out.list(), "node_filesystem_device_error", "mountpoint")
    Unanswered.let_go.set()
    assert 1 == Unanswered.asked
    for thread in threading.enumerate():
        if isinstance(thread, Unanswered):
            thread.join(60)
    out = MetricBuilder()
    systems.collect(source, out)
    assert {"/tmp": 0.0} == values(out.list(), "node_filesystem_device_error", "mountpoint")
