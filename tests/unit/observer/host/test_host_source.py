from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from services.metrics.observer.host.source import Source, read_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="reads the Linux kernel's files")
def test_a_kernel_file_of_many_lines_is_read_to_its_end() -> None:
    """The kernel hands /proc/self/maps out in pieces of less than a page."""
    handle = os.open("/proc/self/smaps", os.O_RDONLY)
    first = os.read(handle, 1 << 20)
    os.close(handle)
    whole = read_bytes("/proc/self/smaps")
    assert len(first) < len(whole)
    assert whole.rstrip().rpartition(b"\n")[2].startswith(b"VmFlags")


def test_a_large_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 300_000)
    assert 300_000 == len(read_bytes(str(tmp_path / "large")))


@pytest.mark.parametrize(
    ("proc", "net"), [("/proc", "/proc/net"), ("/host/proc", "/host/proc/1/net")]
)
def test_the_network_folder_is_that_of_the_host(proc: str, net: str) -> None:
    assert net == Source(proc=proc).net


@pytest.mark.parametrize(
    ("root", "seen"), [("/", "/etc/hostname"), ("/host/root/", "/host/root/etc/hostname")]
)
def test_paths_of_the_host_are_found_below_its_mounted_root(root: str, seen: str) -> None:
    assert seen == Source(root=root).below_root("/etc/hostname")
