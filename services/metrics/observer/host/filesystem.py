"""Mounted file systems: size and free space, by statvfs below the root or as the mount reader wrote them down.

Names as in node_exporter.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source

IGNORED_MOUNTS = re.compile(
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
IGNORED_TYPES = re.compile(
    r"autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue"
    r"|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs"
)
# Asked directly. Any other (nfs, cifs, fuse, 9p, ...) may hang for ever when its server is gone.
LOCAL_TYPES = re.compile(r"ext[234]|xfs|btrfs|zfs|f2fs|tmpfs|ramfs|vfat|exfat|ntfs3")
PATIENCE_SECONDS = 5.0  # seconds for a file system that is not local
RECORD = (
    "filesystems.json"  # what the mount reader writes into the folder that takes the root's place
)
MAX_RECORD_AGE_SECONDS = 90.0
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    device: str
    mountpoint: str
    fstype: str
    numbers: tuple[str, str]
    readonly: bool

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every figure of this mount."""
        return {"device": self.device, "fstype": self.fstype, "mountpoint": self.mountpoint}


@dataclass(frozen=True)
class Figures:
    """What statvfs tells of a file system, in bytes and inodes."""

    size: int
    free: int
    available: int
    files: int
    files_free: int

    @classmethod
    def of(cls, found: os.statvfs_result) -> Figures:
        """Return the figures of an answer."""
        unit = found.f_frsize
        blocks = (found.f_blocks * unit, found.f_bfree * unit, found.f_bavail * unit)
        return cls(*blocks, found.f_files, found.f_ffree)


Measured = tuple[Mount, Figures | None]


class Filesystems:
    """Sizes and free space of mounted file systems.

    Where the source names a record of the mount reader, that is shown; one that is no longer written
    is a failure, not a figure. Otherwise every mount is asked: one that does not answer within
    :data:`PATIENCE_SECONDS` seconds is reported with ``node_filesystem_device_error`` 1, and not asked again
    until the question that hangs has been answered.
    """

    def __init__(self) -> None:
        self._asked: dict[str, Question] = {}

    def collect(self, source: Source, out: MetricBuilder) -> None:
        """Add every mount that is not ignored. Raises OSError when the list cannot be read."""
        measured = read_record(Path(source.mounts)) if source.mounts else self.measure(source)
        for mount, figures in measured:
            _describe(out, mount, figures)

    def measure(self, source: Source) -> list[Measured]:
        """Ask every mount that is not ignored. Raises OSError when the list cannot be read."""
        return [(mount, self._figures(source, mount)) for mount in mounts(source)]

    def _figures(self, source: Source, mount: Mount) -> Figures | None:
        path = source.below_root(mount.mountpoint)
        if LOCAL_TYPES.fullmatch(mount.fstype):
            return _ask(path)
        question = self._asked.get(path)
        if question is None:
            question = self._asked[path] = Question(path)
            question.start()
        answered = question.answered.wait(PATIENCE_SECONDS if question.patient else 0.0)
        question.patient = False
        if answered:
            del self._asked[path]
            return question.answer
        return None


class Question(threading.Thread):
    """Asks statvfs in a thread of its own, because the call cannot be interrupted."""

    def __init__(self, path: str) -> None:
        super().__init__(name="statvfs", daemon=True)
        self._path = path
        self.answered = threading.Event()
        self.answer: Figures | None = None
        self.patient = True

    def run(self) -> None:
        """Ask, and keep the answer; None when it fails."""
        self.answer = _ask(self._path)
        self.answered.set()


def _ask(path: str) -> Figures | None:
    try:
        return Figures.of(os.statvfs(path))
    except OSError:
        return None


def write_record(path: Path, measured: list[Measured]) -> None:
    """Write down what was measured; a reader finds the old record or the new one. Raises OSError."""
    rows = [(asdict(mount), asdict(found) if found else None) for mount, found in measured]
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(rows), encoding="utf-8")
    beside.replace(path)


def read_record(path: Path) -> list[Measured]:
    """Return what was written down. Raises OSError when nobody keeps the record up to date."""
    age = time.time() - path.stat().st_mtime
    if age > MAX_RECORD_AGE_SECONDS:
        raise OSError(f"the record of the file systems is {age:.0f} s old")
    rows: list[tuple[dict[str, Any], dict[str, Any] | None]] = json.loads(path.read_bytes())
    return [
        (
            Mount(**{**mount, "numbers": tuple(mount["numbers"])}),
            Figures(**found) if found else None,
        )
        for mount, found in rows
    ]


def mounts(source: Source) -> list[Mount]:
    """Return the host's mounts that are worth measuring, each once, in the kernel's order. Raises OSError."""
    try:
        text = source.text("1/mountinfo")
    except OSError:  # hidepid, or a user namespace: what we see ourselves is better than nothing
        text = source.text("self/mountinfo")
    found: dict[tuple[str, str, str], Mount] = {}
    for line in text.splitlines():
        mount = _parse(line)
        if mount is None or _ignored(mount):
            continue
        found.setdefault((mount.device, mount.mountpoint, mount.fstype), mount)
    return list(found.values())


def _ignored(mount: Mount) -> bool:
    if IGNORED_TYPES.fullmatch(mount.fstype):
        return True
    return IGNORED_MOUNTS.match(mount.mountpoint) is not None


def _parse(line: str) -> Mount | None:
    left, dash, right = line.partition(" - ")
    before, after = left.split(" "), right.split(" ")
    if not dash or len(before) < 6 or len(after) < 3:
        return None
    major, _, minor = before[2].partition(":")
    options = {*before[5].split(","), *after[2].split(",")}
    return Mount(_plain(after[1]), _plain(before[4]), after[0], (major, minor), "ro" in options)


def _plain(path: str) -> str:
    """Undo the kernel's octal escapes of blanks, tabs, newlines and backslashes."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), path)


def _describe(out: MetricBuilder, mount: Mount, figures: Figures | None) -> None:
    labels = mount.labels
    out.gauge(
        "node_filesystem_device_error",
        "1 when the file system could not be measured.",
        0 if figures else 1,
        labels,
    )
    if figures is None:
        return
    for name, text, value in (
        ("size_bytes", "Size.", figures.size),
        ("free_bytes", "Free space, the superuser's reserve included.", figures.free),
        ("avail_bytes", "Space that anyone may use.", figures.available),
        ("files", "Inodes.", figures.files),
        ("files_free", "Free inodes.", figures.files_free),
        ("readonly", "1 when mounted read-only.", 1 if mount.readonly else 0),
    ):
        out.gauge("node_filesystem_" + name, text, value, labels)
    out.gauge(
        "node_filesystem_mount_info",
        "The device numbers of a mount.",
        1,
        {
            "device": mount.device,
            "major": mount.numbers[0],
            "minor": mount.numbers[1],
            "mountpoint": mount.mountpoint,
        },
    )
