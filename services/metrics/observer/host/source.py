"""Source of the host's figures: /proc, /sys and the root, which a container has mounted elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass

_CHUNK_BYTES = 1 << 16


def read_bytes(path: str) -> bytes:
    """Return a whole kernel file.

    Plain system calls: half the CPU of ``open().read()``, and a collection reads some two hundred files. A file of
    many lines is read to its end, because the kernel hands it out in pieces that stop before any line which does
    not fit into a page. Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        whole = data = os.read(handle, _CHUNK_BYTES)
        while data:
            data = os.read(handle, _CHUNK_BYTES)
            whole += data
        return whole
    finally:
        os.close(handle)


def read_line(path: str) -> bytes:
    """Return a kernel file that holds one line, in a single read. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, 4096)
    finally:
        os.close(handle)


def names(folder: str) -> list[str]:
    """Return the names in a folder, without making a Path of each. Raises OSError."""
    return os.listdir(folder)  # noqa: PTH208


@dataclass(frozen=True)
class Source:
    """The mounted ``proc``, ``sys`` and ``root`` of the host whose figures are wanted.

    ``mounts`` is the record that a mount reader keeps, where this part is not to see the root itself.
    """

    proc: str = "/proc"
    sys: str = "/sys"
    root: str = "/"
    mounts: str = ""

    @property
    def mounted(self) -> bool:
        """Whether another machine's (the host's) proc is read, as in a container."""
        return os.path.normpath(self.proc) != "/proc"

    @property
    def net(self) -> str:
        """The folder of the host's network files.

        ``<proc>/net`` is a link to the *reader's* own network namespace, wherever proc is mounted, so below a
        mounted proc the files of process 1 are read.
        """
        return f"{self.proc}/1/net" if self.mounted else f"{self.proc}/net"

    def text(self, path: str) -> str:
        """Return ``<proc>/<path>`` as text. Raises OSError."""
        return read_bytes(f"{self.proc}/{path}").decode("utf-8", "replace")

    def net_text(self, path: str) -> str:
        """Return a file of the host's network namespace as text. Raises OSError."""
        return read_bytes(f"{self.net}/{path}").decode("utf-8", "replace")

    def sys_text(self, path: str) -> str:
        """Return ``<sys>/<path>`` as text. Raises OSError."""
        return read_bytes(f"{self.sys}/{path}").decode("utf-8", "replace")

    def below_root(self, path: str) -> str:
        """Return where the host's absolute ``path`` is seen from here."""
        if os.path.normpath(self.root) == "/":
            return path
        return os.path.normpath(self.root) + path
