from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host import HostCollector, Source, portable
from tests.unit.observer.reading import value, values

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the Linux kernel's files")


@linux
def test_a_host_without_proc_costs_the_figures_and_nothing_else(tmp_path: Path) -> None:
    families = HostCollector(Source(proc=str(tmp_path), sys=str(tmp_path))).collect()
    success = values(families, "node_scrape_collector_success", "collector")
    assert 0 == success["cpu"] == success["meminfo"] == success["netdev"]
    assert 1 == success["uname"]


@linux
def test_a_damaged_file_costs_its_own_part_only(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu0 one two three\n")
    (tmp_path / "loadavg").write_text("0.50 0.25 0.10 2/100 4242\n")
    families = HostCollector(Source(proc=str(tmp_path))).collect()
    assert 0.5 == value(families, "node_load1")
    assert {} == values(families, "node_cpu_seconds_total", "cpu")


@linux
def test_a_mounted_proc_is_asked_for_the_network_of_process_one(tmp_path: Path) -> None:
    folder = tmp_path / "1" / "net"
    folder.mkdir(parents=True)
    header = "Inter-| Receive | Transmit\n face |bytes|bytes\n"
    (folder / "dev").write_text(header + "  eth7: 11 2 0 0 0 0 0 0 22 3 0 0 0 0 0 0\n")
    families = HostCollector(Source(proc=str(tmp_path))).collect()
    assert {"eth7": 11.0} == values(families, "node_network_receive_bytes_total", "device")
    assert {"eth7": 22.0} == values(families, "node_network_transmit_bytes_total", "device")


@linux
def test_a_mounted_root_gives_the_hosts_own_name_and_distribution(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hostname").write_text("big-iron\n")
    (tmp_path / "etc" / "os-release").write_text(
        'ID=debian\nVERSION_ID="12.4"\n# comment\nNAME="De\\"bian"\n'
    )
    (tmp_path / "proc").mkdir()
    source = Source(proc=str(tmp_path / "proc"), root=str(tmp_path))
    families = HostCollector(source).collect()
    assert {"big-iron": 1.0} == values(families, "node_uname_info", "nodename")
    assert {'De"bian': 12.4} == values(families, "node_os_version", "name")


@linux
def test_a_process_name_with_brackets_and_blanks_is_counted(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    fields = "R 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 7 0 99 0 0"
    (tmp_path / "42" / "stat").write_text(f"42 (a) R ) b) {fields}\n")
    (tmp_path / "sys" / "kernel").mkdir(parents=True)
    for file in ("threads-max",):
        (tmp_path / "sys" / "kernel" / file).write_text("1000\n")
    families = HostCollector(Source(proc=str(tmp_path))).collect()
    assert 1 == value(families, "node_processes_state", state="R")
    assert 7 == value(families, "node_processes_threads")


@linux
def test_what_psutil_gives_elsewhere_agrees_with_what_linux_says_itself() -> None:
    """Every figure that the part for macOS and Windows has is there under the same name."""
    theirs, ours = MetricBuilder(), HostCollector().collect()
    for part in portable.PARTS.values():
        part(theirs)
    for name in ("node_memory_MemTotal_bytes", "node_boot_time_seconds"):
        assert value(ours, name) == value(theirs.list(), name)
    assert values(ours, "node_uname_info", "release") == values(
        theirs.list(), "node_uname_info", "release"
    )
    mine = {family.name for family in ours}
    assert {"node_memory_wired_bytes"} >= {family.name for family in theirs.list()} - mine


@linux
@given(st.binary(max_size=300))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
def test_whatever_the_kernels_files_hold_nothing_is_raised(tmp_path: Path, data: bytes) -> None:
    for file in (
        "stat", "meminfo", "loadavg", "diskstats", "vmstat", "schedstat", "1/mountinfo", "1/net/dev", "1/net/netstat",
        "1/net/snmp", "1/net/snmp6", "1/net/sockstat", "1/net/softnet_stat", "1/net/udp", "1/net/arp", "7/stat",
        "pressure/cpu", "pressure/io", "sys/fs/file-nr", "sys/kernel/threads-max",
    ):  # fmt: skip
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    families = HostCollector(Source(proc=str(tmp_path), sys=str(tmp_path))).collect()
    assert 1 == values(families, "node_scrape_collector_success", "collector")["uname"]
