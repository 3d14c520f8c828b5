from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer import container
from tests.unit.observer.reading import value


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def collected(groups: container.Groups) -> list[Metric]:
    out = MetricBuilder()
    container.collect(groups, out)
    return out.list()


def test_version_2_tells_use_limits_and_throttling(tmp_path: Path) -> None:
    folder = tree(
        tmp_path,
        {
            "cpu.stat": "usage_usec 2500000\nuser_usec 1\nnr_periods 9\nnr_throttled 4\nthrottled_usec 300000\n",
            "cpu.max": "150000 100000\n",
            "memory.current": "104857600\n",
            "memory.stat": "anon 5\ninactive_file 4857600\n",
            "memory.max": "268435456\n",
            "memory.events": "low 0\noom 2\noom_kill 1\n",
            "pids.current": "12\n",
            "pids.max": "100\n",
        },
    )
    families = collected(container.Groups(unified=str(folder)))
    expected = {
        "cpu_seconds_total": 2.5,
        "cpu_limit_cores": 1.5,
        "cpu_periods_total": 9,
        "cpu_throttled_periods_total": 4,
        "cpu_throttled_seconds_total": 0.3,
        "memory_usage_bytes": 104857600,
        "memory_working_set_bytes": 100000000,
        "memory_limit_bytes": 268435456,
        "memory_oom_kills_total": 1,
        "pids": 12,
        "pids_limit": 100,
    }
    found = {name: value(families, f"dreamos_container_{name}") for name in expected}
    assert expected == {name: round(v, 6) if v is not None else None for name, v in found.items()}


def test_no_limit_is_no_series(tmp_path: Path) -> None:
    folder = tree(tmp_path, {"cpu.max": "max 100000\n", "memory.max": "max\n", "pids.max": "max\n"})
    assert [] == collected(container.Groups(unified=str(folder)))


def test_version_1_without_limits_has_no_limit_series(tmp_path: Path) -> None:
    files = {
        "cpu/cpu.cfs_quota_us": "-1\n",
        "cpu/cpu.cfs_period_us": "100000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/memory.usage_in_bytes": "1000\n",
        "pids/pids.max": "max\n",
    }
    tree(tmp_path, files)
    folders = {name: str(tmp_path / name) for name in ("cpu", "memory", "pids", "cpuacct")}
    families = collected(container.Groups(folders=folders))
    assert 1000 == value(families, "dreamos_container_memory_usage_bytes")
    assert [] == [family.name for family in families if "limit" in family.name]


def test_a_containers_branch_is_found_below_its_own_mount(tmp_path: Path) -> None:
    group = tmp_path / "fs"
    tree(
        group,
        {"cgroup.controllers": "cpu memory pids\n", "inner/cgroup.controllers": "cpu\n"},
    )
    proc = tree(
        tmp_path / "proc",
        {
            "self/cgroup": "0::/docker/abc/inner\n",
            "self/mountinfo": f"30 29 0:26 /docker/abc {group} ro - cgroup2 cgroup rw\n",
        },
    )
    assert str(group / "inner") == container.find(str(proc)).unified


def test_an_empty_version_2_tree_beside_version_1_is_passed_over(tmp_path: Path) -> None:
    unified, memory = tmp_path / "unified", tmp_path / "memory"
    tree(unified, {"cgroup.controllers": ""})
    proc = tree(
        tmp_path / "proc",
        {
            "self/cgroup": "4:memory:/agents\n1:name=systemd:/\n0::/\n",
            "self/mountinfo": f"30 29 0:26 / {unified} rw - cgroup2 cgroup2 rw\n"
            f"31 29 0:27 / {memory} rw,relatime - cgroup cgroup rw,memory\n",
        },
    )
    groups = container.find(str(proc))
    assert groups.unified is None
    assert {"memory": f"{memory}/agents"} == groups.folders


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_hosts_own_tree_mounted_beside_is_not_taken_for_ours(
    tmp_path: Path, ours_first: bool
) -> None:
    ours = "31 29 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    hosts = "99 29 0:27 / /host/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    mountinfo = ours + hosts if ours_first else hosts + ours
    proc = tree(tmp_path, {"self/cgroup": "4:memory:/docker/abc\n", "self/mountinfo": mountinfo})
    assert {"memory": "/sys/fs/cgroup/memory"} == container.find(str(proc)).folders
