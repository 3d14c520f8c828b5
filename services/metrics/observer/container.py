"""Limits and use of the container that the collector itself runs in, from its control group."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import read_bytes

UNLIMITED = 1 << 60  # version 1 writes "no limit" as a number near 2^63
_V1 = ("memory", "cpu", "cpuacct", "pids")


class ContainerCollector:
    """The figures of the collector's own container; a system without control groups has none."""

    name = "container"

    def __init__(self, interval: float = 15.0) -> None:
        self.interval = interval
        self._groups: Groups | None = None

    def collect(self) -> list[Metric]:
        """Return what the container uses and may use. Raises OSError."""
        if self._groups is None:
            self._groups = find()
        out = MetricBuilder()
        collect(self._groups, out)
        return out.list()


@dataclass(frozen=True)
class Groups:
    """Where the files lie: ``unified`` for version 2, else one folder for each controller of version 1."""

    unified: str | None = None
    folders: dict[str, str] = field(default_factory=dict)


def find(proc: str = "/proc") -> Groups:
    """Return the control groups of this process, as they are mounted here. Raises OSError.

    The path that ``/proc/self/cgroup`` gives counts from the top of the hierarchy, but a container's mount shows
    only its own branch of it: the mount's root is taken off in front.
    """
    paths: dict[str, str] = {}
    for line in read_bytes(f"{proc}/self/cgroup").decode().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    mounts: dict[str, tuple[int, str]] = {}
    for line in read_bytes(f"{proc}/self/mountinfo").decode("utf-8", "replace").splitlines():
        for controller, root, mountpoint in _mounted(line):
            path, root = paths.get(controller, "/"), root.rstrip("/")
            inside = path[len(root) :] if path.startswith(root + "/") else ""
            found = (len(root), mountpoint + inside.rstrip("/"))
            # a mounted host's /sys shows the same hierarchy again, from its top: the nearer root is ours
            mounts[controller] = max(found, mounts.get(controller, found))
    folders = {controller: folder for controller, (_, folder) in mounts.items()}
    unified = folders.pop("", None)
    if unified and not _words(f"{unified}/cgroup.controllers"):
        unified = None  # the empty v2 tree beside a working v1
    return Groups(unified, folders)


def _mounted(line: str) -> list[tuple[str, str, str]]:
    """Return (controller, root, mount point) of a line of mountinfo; version 2 is the controller without a name."""
    left, _, right = line.partition(" - ")
    before, after = left.split(), right.split()
    if len(after) < 3 or len(before) < 5:
        return []
    if after[0] == "cgroup2":
        return [("", before[3], before[4])]
    if after[0] == "cgroup":
        return [(c, before[3], before[4]) for c in after[2].split(",") if c in _V1]
    return []


def collect(groups: Groups, out: MetricBuilder) -> None:
    """Add what the group uses and may use; what the kernel does not tell is left out."""
    figures = _version2(groups.unified) if groups.unified else _version1(groups.folders)
    for name, (text, counts) in _TEXTS.items():
        value = figures.get(name)
        if value is not None:
            (out.counter if counts else out.gauge)(f"dreamos_container_{name}", text, value)


_TEXTS = {
    "cpu_seconds_total": ("CPU time used by the service's container.", True),
    "cpu_limit_cores": ("CPUs the container may use; absent without a limit.", False),
    "cpu_periods_total": ("Periods in which the CPU limit was applied.", True),
    "cpu_throttled_periods_total": ("Periods in which the container was held back.", True),
    "cpu_throttled_seconds_total": ("Time for which the container was held back.", True),
    "memory_usage_bytes": ("Memory used, the page cache included.", False),
    "memory_working_set_bytes": ("Memory used less the page cache that can go at once.", False),
    "memory_limit_bytes": ("Memory the container may use; absent without a limit.", False),
    "memory_oom_kills_total": ("Processes killed because memory ran out.", True),
    "pids": ("Processes and threads.", False),
    "pids_limit": ("Processes and threads it may have; absent without a limit.", False),
}


def _version2(folder: str) -> dict[str, float | None]:
    cpu, memory = _pairs(f"{folder}/cpu.stat"), _pairs(f"{folder}/memory.stat")
    usage = _number(f"{folder}/memory.current")
    return {
        "cpu_seconds_total": _scaled(cpu.get("usage_usec"), 1e-6),
        "cpu_limit_cores": _quota(_words(f"{folder}/cpu.max")),
        "cpu_periods_total": cpu.get("nr_periods"),
        "cpu_throttled_periods_total": cpu.get("nr_throttled"),
        "cpu_throttled_seconds_total": _scaled(cpu.get("throttled_usec"), 1e-6),
        "memory_usage_bytes": usage,
        "memory_working_set_bytes": _working_set(usage, memory.get("inactive_file")),
        "memory_limit_bytes": _number(f"{folder}/memory.max"),
        "memory_oom_kills_total": _pairs(f"{folder}/memory.events").get("oom_kill"),
        "pids": _number(f"{folder}/pids.current"),
        "pids_limit": _number(f"{folder}/pids.max"),
    }


def _version1(folders: dict[str, str]) -> dict[str, float | None]:
    cpu, account = folders.get("cpu", ""), folders.get("cpuacct", "")
    memory, pids = folders.get("memory", ""), folders.get("pids", "")
    throttled = _pairs(f"{cpu}/cpu.stat")
    usage = _number(f"{memory}/memory.usage_in_bytes")
    quota = _words(f"{cpu}/cpu.cfs_quota_us") + _words(f"{cpu}/cpu.cfs_period_us")
    return {
        "cpu_seconds_total": _scaled(_number(f"{account}/cpuacct.usage"), 1e-9),
        "cpu_limit_cores": _quota(quota),
        "cpu_periods_total": throttled.get("nr_periods"),
        "cpu_throttled_periods_total": throttled.get("nr_throttled"),
        "cpu_throttled_seconds_total": _scaled(throttled.get("throttled_time"), 1e-9),
        "memory_usage_bytes": usage,
        "memory_working_set_bytes": _working_set(
            usage, _pairs(f"{memory}/memory.stat").get("total_inactive_file")
        ),
        "memory_limit_bytes": _number(f"{memory}/memory.limit_in_bytes"),
        "memory_oom_kills_total": _pairs(f"{memory}/memory.oom_control").get("oom_kill"),
        "pids": _number(f"{pids}/pids.current"),
        "pids_limit": _number(f"{pids}/pids.max"),
    }


def _words(path: str) -> list[str]:
    try:
        return read_bytes(path).decode().split()
    except (OSError, UnicodeDecodeError):
        return []


def _pairs(path: str) -> dict[str, float]:
    words = _words(path)
    return {key: float(value) for key, value in zip(words[::2], words[1::2], strict=False)}


def _number(path: str) -> float | None:
    words = _words(path)
    if not words or words[0] == "max" or int(words[0]) >= UNLIMITED:
        return None
    return float(words[0])


def _quota(words: list[str]) -> float | None:
    if len(words) < 2 or words[0] in ("max", "-1"):
        return None
    return float(words[0]) / float(words[1])


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value * unit


def _working_set(usage: float | None, inactive: float | None) -> float | None:
    if usage is None:
        return None
    return max(0.0, usage - (inactive or 0.0))
