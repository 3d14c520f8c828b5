"""Owner of a values file: which process it is, and whether that process still lives.

The lock on the file says it first. It is lost when the process' descriptors are closed, as daemons
do; then the process is asked for by its number, as far as it lies in the same system.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_IMAGE = os.urandom(8).hex()
"""Name of this program in memory: `exec` keeps the number of the process and ends the program."""


def owner_facts() -> dict[str, object]:
    """Return what a values file's header says of the process that makes it."""
    pid = os.getpid()
    return {
        "pid": pid,
        "system": _system(),
        "pid_started": _start_of(pid),
        "image": _IMAGE,
    }


def lives(header: Mapping[str, Any]) -> bool | None:
    """Whether the process of a header lives; None when that cannot be known from here."""
    pid, started = header.get("pid"), header.get("pid_started")
    if not isinstance(pid, int) or not isinstance(started, str) or not started:
        return None
    if header.get("system") != _system():
        return None
    if pid == os.getpid() and header.get("image", _IMAGE) != _IMAGE:
        return False
    return _start_of(pid) == started


def _system() -> str:
    """Return the name of the set of processes that this one sees; empty where there is none."""
    if sys.platform != "linux":
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""


def _start_of(pid: int) -> str:
    """Return when a process began, in the kernel's words; empty when it has ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return ""
    if len(status) < 20 or status[0] in (b"Z", b"X"):
        return ""
    return status[19].decode("ascii", "replace")
