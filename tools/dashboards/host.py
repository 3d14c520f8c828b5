"""The Host board: utilisation, saturation and errors of CPU, memory, disks and network (USE)."""

from __future__ import annotations

from tools.dashboards import common, devices
from tools.dashboards.expressions import RATE, named
from tools.dashboards.hostlines import CPU, CPUS, MEMORY, NO_HOST, SPACE, host_lines
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import GREY, bad_from
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.thresholds import limit


def dashboard() -> Dashboard:
    """Return the Host dashboard."""
    agents, stack = "dreamos-agents", "dreamos-stack"
    return Dashboard(
        uid="dreamos-host",
        title="Dream.OS Host",
        description="Utilisation, saturation and errors of CPU, memory, disks and network.",
        rows=[
            common.top("dreamos-host"),
            Row([used(), pressure(), oom_kills()], to=agents, title="The host in short"),
            Row([cpu_modes(), load(), processes()], to=agents, title="CPU"),
            Row([memory(), swapping(), faults()], to=agents, title="Memory"),
            Row(
                [devices.file_systems(), devices.inodes(), devices.disk_errors()],
                to="dreamos-files",
                title="Disks",
            ),
            Row([devices.disk(), devices.disk_busy(), devices.disk_queue()], to="dreamos-files"),
            Row(
                [devices.network(), devices.network_errors(), devices.sockets()],
                to=stack,
                title="Network",
            ),
        ],
    )


def used() -> Json:
    """Draw how full the host is: CPU, memory, the fullest disk."""
    parts = named("what", CPU=CPU, Memory=MEMORY, Fullest_disk=f"max({SPACE})")
    return timeseries(
        "The host",
        "Share of the CPUs, of the memory, and of the fullest disk that is in use. Above the "
        "dashed line alerts fire; the board Host says what uses it.",
        "percentunit",
        Query(parts, "{{what}}"),
        steps=bad_from(limit("HostCpuBusy")),
        maximum=1,
        none=NO_HOST,
    )


def pressure() -> Json:
    """Draw how much time work waits for what is scarce."""
    parts = named(
        "what",
        CPU=f"sum(rate(node_pressure_cpu_waiting_seconds_total[{RATE}]))",
        Memory=f"sum(rate(node_pressure_memory_stalled_seconds_total[{RATE}]))",
        Disk=f"sum(rate(node_pressure_io_stalled_seconds_total[{RATE}]))",
    )
    return host_lines(
        "Time spent waiting (pressure)",
        "Share of the time in which some process waited for a CPU, or all waited for memory or a "
        "disk. This is saturation: above a fifth for memory the alert HostUnderPressure fires.",
        "percentunit",
        parts,
        "{{what}}",
        "HostUnderPressure",
    )


def oom_kills() -> Json:
    """Draw processes that were killed for want of memory."""
    parts = named(
        "what",
        Host="round(sum(increase(node_vmstat_oom_kill[1h])))",
        Containers="round(sum(increase(dreamos_container_memory_oom_kills_total[1h])))",
    )
    return host_lines(
        "Killed for want of memory, per hour",
        "Processes that the kernel killed in the hour before each moment, on the host and in this "
        "stack's containers. Any is bad: agents that were lost then had no memory left.",
        "locale",
        parts,
        "{{what}}",
    )


def cpu_modes() -> Json:
    """Draw what the CPUs do."""
    return timeseries(
        "CPU time by mode",
        "CPUs in use, by what for: 2 is two whole CPUs. Much iowait is a slow disk, much steal a "
        "host that gives its CPUs to others.",
        "short",
        Query(f'sum by (mode) (rate(node_cpu_seconds_total{{mode!="idle"}}[{RATE}]))', "{{mode}}"),
        stacked=True,
        none=NO_HOST,
    )


def load() -> Json:
    """Draw the load beside the number of CPUs."""
    parts = named(
        "what",
        Load="max(node_load1)",
        CPUs=CPUS,
    )
    return timeseries(
        "Load",
        "Processes that run or wait to run, over a minute. Above the number of CPUs, work waits: "
        "run fewer agents at once.",
        "short",
        Query(parts, "{{what}}"),
        colors={"CPUs": GREY},
        none=NO_HOST,
    )


def processes() -> Json:
    """Draw processes by what they do, and open files."""
    parts = named(
        "what",
        Running="sum(node_procs_running)",
        Blocked="sum(node_procs_blocked)",
        Zombies='sum(node_processes_state{state="Z"})',
    )
    return host_lines(
        "Processes",
        "Processes that run, that wait for a disk, and that ended without anybody asking how. "
        "Blocked ones that stay mean a disk that does not answer.",
        "locale",
        parts,
        "{{what}}",
    )


def memory() -> Json:
    """Draw memory: in use, caches, free."""
    parts = named(
        "what",
        Total="sum(node_memory_MemTotal_bytes)",
        In_use="sum(node_memory_MemTotal_bytes) - sum(node_memory_MemAvailable_bytes)",
        Swap_in_use="sum(node_memory_SwapTotal_bytes) - sum(node_memory_SwapFree_bytes)",
    )
    return timeseries(
        "Memory",
        "Memory there is, memory that cannot be given to new work, and swap in use. The alert "
        f"HostMemoryLow fires when less than {limit('HostMemoryLow'):.0%} is left.",
        "bytes",
        Query(parts, "{{what}}"),
        colors={"Total": GREY},
        none=NO_HOST,
    )


def swapping() -> Json:
    """Draw pages that go to and come from swap."""
    swapped = f"rate(node_vmstat_pswpin[{RATE}]) + rate(node_vmstat_pswpout[{RATE}])"
    return host_lines(
        "Swapping, pages per second",
        "Pages that went to swap and came back. Above the dashed line everything is slow: the "
        "alert HostSwapping; give less work, or more memory.",
        "short",
        f'label_replace(sum({swapped}), "what", "Pages", "", "")',
        "{{what}}",
        "HostSwapping",
    )


def faults() -> Json:
    """Draw page faults that had to read a disk."""
    return host_lines(
        "Page faults that read a disk, per second",
        "Faults for which a page had to be read. Many, with little memory left, mean that programs "
        "are thrown out and read again.",
        "short",
        f'label_replace(sum(rate(node_vmstat_pgmajfault[{RATE}])), "what", "Faults", "", "")',
        "{{what}}",
    )
