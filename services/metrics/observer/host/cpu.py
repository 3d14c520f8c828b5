"""CPU time, load, pressure, and what else ``/proc/stat`` counts. Names as in node_exporter."""

from __future__ import annotations

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source

USER_HZ = 100.0  # the kernel's unit towards user space, the same on every architecture of today
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
IDLE = MODES.index("idle")
RESET_SECONDS = 3.0  # seconds that idle time must fall by before it is believed: a CPU was taken away and came back

_STAT = {
    "ctxt": ("node_context_switches_total", "Context switches.", True),
    "processes": ("node_forks_total", "Forks.", True),
    "btime": ("node_boot_time_seconds", "When the host was booted, Unix time.", False),
    "procs_running": ("node_procs_running", "Processes that run or could run.", False),
    "procs_blocked": ("node_procs_blocked", "Processes that wait for input or output.", False),
}


class Cpu:
    """CPU time by mode.

    The kernel's idle and iowait may step back a little on a tickless CPU; a counter must not, because Prometheus takes
    a fall for a restart and adds the whole value again. So each figure is held at its highest until the CPU
    really starts anew.
    """

    def __init__(self) -> None:
        self._highest: dict[str, list[float]] = {}

    def collect(self, source: Source, out: MetricBuilder) -> None:
        """Add the figures of ``/proc/stat``. Raises OSError."""
        for line in source.text("stat").splitlines():
            key, _, rest = line.partition(" ")
            if key.startswith("cpu") and len(key) > 3:
                self._cpu(key[3:], rest.split(), out)
            elif key in _STAT:
                name, text, counts = _STAT[key]
                (out.counter if counts else out.gauge)(name, text, float(rest))
            elif key == "intr":
                out.counter("node_intr_total", "Interrupts.", float(rest.split(" ", 1)[0]))

    def _cpu(self, cpu: str, fields: list[str], out: MetricBuilder) -> None:
        values = self._rising(cpu, [int(field) / USER_HZ for field in fields])
        for mode, value in zip(MODES, values, strict=False):
            out.counter(
                "node_cpu_seconds_total",
                "Seconds each CPU spent in each mode.",
                value,
                {"cpu": cpu, "mode": mode},
            )
        for mode, value in zip(("user", "nice"), values[8:10], strict=False):
            out.counter(
                "node_cpu_guest_seconds_total",
                "Seconds each CPU spent in guests, by mode.",
                value,
                {"cpu": cpu, "mode": mode},
            )

    def _rising(self, cpu: str, values: list[float]) -> list[float]:
        before = self._highest.get(cpu)
        if before and len(before) == len(values) and before[IDLE] - values[IDLE] < RESET_SECONDS:
            values = [max(pair) for pair in zip(before, values, strict=True)]
        self._highest[cpu] = values
        return values

    def used_ratio(self, before: dict[str, list[float]]) -> float | None:
        """Return the share of CPU time used by anything but idle and iowait since ``before`` (see :meth:`snapshot`)."""
        busy = total = 0.0
        for cpu, now in self._highest.items():
            then = before.get(cpu)
            if then is None or len(then) != len(now):
                continue
            passed = [max(0.0, b - a) for a, b in zip(then[:8], now[:8], strict=True)]
            total += sum(passed)
            busy += sum(passed) - passed[IDLE] - passed[IDLE + 1]
        return busy / total if total > 0 else None

    def snapshot(self) -> dict[str, list[float]]:
        """Return the seconds by CPU and mode as last read."""
        return dict(self._highest)


def load(source: Source, out: MetricBuilder) -> None:
    """Add the load averages. Raises OSError."""
    values = source.text("loadavg").split()
    for minutes, value in zip(("1", "5", "15"), values, strict=False):
        out.gauge(f"node_load{minutes}", f"Load average of {minutes} min.", float(value))


def pressure(source: Source, out: MetricBuilder) -> None:
    """Add the time lost to waiting (pressure stall information). Raises OSError where the kernel has none."""
    for resource in ("cpu", "io", "memory", "irq"):
        try:
            lines = source.text(f"pressure/{resource}").splitlines()
        except OSError:
            if resource == "cpu":
                raise
            continue
        for line in lines:
            kind, *fields = line.split()
            # "full" of the whole machine's CPU has no meaning and is always 0: node_exporter leaves it out too
            if (resource, kind) == ("cpu", "full"):
                continue
            state = "waiting" if kind == "some" else "stalled"
            out.counter(
                f"node_pressure_{resource}_{state}_seconds_total",
                f"Seconds in which {'some' if kind == 'some' else 'all'} tasks waited for {resource}.",
                int(fields[-1].partition("=")[2]) / 1e6,
            )


def schedstat(source: Source, out: MetricBuilder) -> None:
    """Add the scheduler's figures, on kernels that keep them. Raises OSError."""
    for line in source.text("schedstat").splitlines():
        fields = line.split()
        if not fields or not fields[0].startswith("cpu") or len(fields) < 10:
            continue
        labels = {"cpu": fields[0][3:]}
        running, waiting, slices = (float(field) for field in fields[7:10])
        out.counter(
            "node_schedstat_running_seconds_total", "Seconds tasks ran.", running / 1e9, labels
        )
        out.counter(
            "node_schedstat_waiting_seconds_total",
            "Seconds tasks waited for the CPU.",
            waiting / 1e9,
            labels,
        )
        out.counter("node_schedstat_timeslices_total", "Time slices run.", slices, labels)
