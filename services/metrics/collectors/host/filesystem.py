"""Mounted file systems, measured by statvfs below the mounted root. Names as in node_exporter."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass

from services.metrics.metric_builder import MetricBuilder

from .source import Source

IGNORED_MOUNTS = re.compile(
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
IGNORED_TYPES = re.compile(
    r"autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue"
    r"|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs"
)
# Asked directly. Any other (nfs, cifs, fuse, 9p, ...) may hang for ever when its server is gone.
LOCAL_TYPES = re.compile(r"ext[234]|xfs|btrfs|zfs|f2fs|tmpfs|ramfs|vfat|exfat|ntfs3")
PATIENCE = 5.0  # seconds for a file system that is not local
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


class Filesystems:
    """Sizes and free space of mounted file systems.

    A mount that does not answer within :data:`PATIENCE` seconds is reported with ``node_filesystem_device_error`` 1 and
    not asked again until the question that hangs has been answered.
    """

    def __init__(self) -> None:
        self._asked: dict[str, Question] = {}

    def collect(self, source: Source, out: MetricBuilder) -> None:
        """Add every mount that is not ignored. Raises OSError when the list cannot be read."""
        for mount in mounts(source):
            path = source.below_root(mount.mountpoint)
            figures = self._figures(path, bool(LOCAL_TYPES.fullmatch(mount.fstype)))
            _describe(out, mount, figures)

    def _figures(self, path: str, local: bool) -> os.statvfs_result | None:
        if local:
            try:
                return os.statvfs(path)
            except OSError:
                return None
        question = self._asked.get(path)
        if question is None:
            question = self._asked[path] = Question(path)
            question.start()
        answered = question.answered.wait(PATIENCE if question.patient else 0.0)
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
        self.answer: os.statvfs_result | None = None
        self.patient = True

    def run(self) -> None:
        """Ask, and keep the answer; None when it fails."""
        try:
            self.answer = os.statvfs(self._path)
        except OSError:
            self.answer = None
        self.answered.set()


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


def _describe(out: MetricBuilder, mount: Mount, figures: os.statvfs_result | None) -> None:
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
        ("size_bytes", "Size.", figures.f_blocks * figures.f_frsize),
        (
            "free_bytes",
            "Free space, the superuser's reserve included.",
            figures.f_bfree * figures.f_frsize,
        ),
        ("avail_bytes", "Space that anyone may use.", figures.f_bavail * figures.f_frsize),
        ("files", "Inodes.", figures.f_files),
        ("files_free", "Free inodes.", figures.f_ffree),
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
