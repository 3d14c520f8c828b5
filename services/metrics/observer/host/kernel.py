"""Clock, kernel limits, names of the machine, and processes. Names as in node_exporter."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import time

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source, names, read_bytes, read_line

_OS_NAMES = ("id", "id_like", "name")
_OS_LABELS = (
    *("build_id", "image_id", "image_version", "pretty_name", "variant", "variant_id"),
    *("version", "version_codename", "version_id", *_OS_NAMES),
)


def filefd(source: Source, out: MetricBuilder) -> None:
    """Add open files of the whole host and their limit. Raises OSError."""
    allocated, _, maximum = source.text("sys/fs/file-nr").split()
    out.gauge("node_filefd_allocated", "Open files of the whole host.", float(allocated))
    out.gauge("node_filefd_maximum", "Files that may be open at once.", float(maximum))


def entropy(source: Source, out: MetricBuilder) -> None:
    """Add the state of the kernel's random pool. Raises OSError."""
    for file, name in (
        ("entropy_avail", "node_entropy_available_bits"),
        ("poolsize", "node_entropy_pool_size_bits"),
    ):
        value = float(source.text(f"sys/kernel/random/{file}"))
        out.gauge(name, f"The file {file} of the random pool.", value)


def hung_tasks(source: Source, out: MetricBuilder) -> None:
    """Add the tasks found hanging since boot, on kernels since 6.15. Raises OSError."""
    count = float(source.text("sys/kernel/hung_task_detect_count"))
    out.counter("node_kernel_hung_tasks_total", "Tasks found hanging since boot.", count)


def clock(source: Source, out: MetricBuilder) -> None:
    """Add the time and the clock it comes from. Raises OSError."""
    out.gauge("node_time_seconds", "The host's time, Unix time.", time.time())
    base = "devices/system/clocksource/clocksource0"
    for file, name in (
        ("available_clocksource", "node_time_clocksource_available_info"),
        ("current_clocksource", "node_time_clocksource_current_info"),
    ):
        for found in source.sys_text(f"{base}/{file}").split():
            labels = {"clocksource": found, "device": "0"}
            out.gauge(name, "Clock sources of the kernel.", 1, labels)


def uname(source: Source, out: MetricBuilder) -> None:
    """Add the names of kernel and machine.

    A container has a host name of its own, also when it reads ``/proc/sys/kernel/hostname`` of the host: there the
    name is taken from the host's ``/etc/hostname``.
    """
    here = os.uname()
    nodename = here.nodename
    if source.mounted:
        try:
            nodename = read_bytes(source.below_root("/etc/hostname")).decode().strip() or nodename
        except (OSError, UnicodeDecodeError):
            nodename = here.nodename
    try:
        domain = source.text("sys/kernel/domainname").strip()
    except OSError:
        domain = "(none)"
    out.gauge(
        "node_uname_info",
        "Kernel and machine, in labels.",
        1,
        {
            "domainname": domain,
            "machine": here.machine,
            "nodename": nodename,
            "release": here.release,
            "sysname": here.sysname,
            "version": here.version,
        },
    )


def os_release(source: Source, out: MetricBuilder) -> None:
    """Add the host's distribution. Raises OSError."""
    try:
        text = read_bytes(source.below_root("/etc/os-release"))
    except OSError:
        text = read_bytes(source.below_root("/usr/lib/os-release"))
    found: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            found[key.strip().lower()] = _unquoted(value)
    labels = {name: found.get(name, "") for name in _OS_LABELS}
    out.gauge("node_os_info", "The distribution, in labels.", 1, labels)
    number = re.match(r"\d+(\.\d+)?", found.get("version_id", ""))
    if number:
        labels = {name: found.get(name, "") for name in _OS_NAMES}
        out.gauge("node_os_version", "Major and minor version.", float(number[0]), labels)


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value)[:1])
    except ValueError:
        return value.strip("\"' ")


def processes(source: Source, out: MetricBuilder) -> None:
    """Add the number of processes, by state, and of threads. Raises OSError."""
    states: dict[str, int] = {}
    threads = count = 0
    for entry in names(source.proc):
        if not entry.isdecimal():
            continue
        try:
            stat = read_line(f"{source.proc}/{entry}/stat")
        except OSError:
            continue  # it ended meanwhile
        # the second field is the program's name and may hold anything, so count from its last bracket
        fields = stat[stat.rfind(b")") + 2 :].split(None, 18)
        if len(fields) < 18:
            continue
        state = fields[0].decode("ascii", "replace")
        states[state] = states.get(state, 0) + 1
        threads += int(fields[17])
        count += 1
    for state, number in states.items():
        out.gauge("node_processes_state", "Processes by state.", number, {"state": state})
    out.gauge("node_processes_pids", "Processes.", count)
    out.gauge("node_processes_threads", "Threads of all processes.", threads)
    text = "Most the kernel allows."
    out.gauge("node_processes_max_threads", text, float(source.text("sys/kernel/threads-max")))
    if not source.mounted:  # a container has a limit of its own, which hides the host's
        out.gauge("node_processes_max_processes", text, float(source.text("sys/kernel/pid_max")))


class _Timex(ctypes.Structure):
    """The kernel's ``struct timex``; the layout of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance")),
        *((name, ctypes.c_long) for name in ("seconds", "fraction", "tick", "ppsfreq", "jitter")),
        ("shift", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


_STA_NANO = 0x2000
_TIME_ERROR = 5
_FREQUENCY = 1e6 * 65536  # parts per million in units of 2^-16
_LIBC = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def timex(_source: Source, out: MetricBuilder) -> None:
    """Add how well the clock is kept in time. Raises OSError where the system call is forbidden."""
    t = _Timex()
    if _LIBC is None or (state := _LIBC.adjtimex(ctypes.byref(t))) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    unit = 1e9 if t.status & _STA_NANO else 1e6
    gauges = {
        "offset_seconds": t.offset / unit,
        "frequency_adjustment_ratio": 1 + t.freq / _FREQUENCY,
        "maxerror_seconds": t.maxerror / 1e6,
        "estimated_error_seconds": t.esterror / 1e6,
        "status": t.status,
        "loop_time_constant": t.constant,
        "tick_seconds": t.tick / 1e6,
        "pps_frequency_hertz": t.ppsfreq / _FREQUENCY,
        "pps_jitter_seconds": t.jitter / unit,
        "pps_shift_seconds": t.shift,
        "pps_stability_hertz": t.stabil / _FREQUENCY,
        "tai_offset_seconds": t.tai,
        "sync_status": 0 if state == _TIME_ERROR else 1,
    }
    counters = {
        "pps_jitter_total": t.jitcnt,
        "pps_calibration_total": t.calcnt,
        "pps_error_total": t.errcnt,
        "pps_stability_exceeded_total": t.stbcnt,
    }
    for name, value in gauges.items():
        out.gauge(f"node_timex_{name}", "From adjtimex(2).", value)
    for name, value in counters.items():
        out.counter(f"node_timex_{name}", "From adjtimex(2).", value)
