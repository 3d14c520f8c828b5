"""Descriptors that other code may close: daemons close all that they find, ours too."""

from __future__ import annotations

import contextlib
import os


class OpenFile:
    """An open file that notices when its descriptor was closed, or is somebody else's by now."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._identity = _identity(fd)

    def is_ours(self) -> bool:
        """Whether the descriptor still stands for what was opened."""
        return self._identity is not None and _identity(self.fd) == self._identity

    def same_file(self, other: OpenFile) -> bool:
        """Whether both were opened on the same file."""
        return self._identity == other._identity

    def touch(self) -> None:
        """Set the file's time of change to now, as far as that is possible."""
        if os.utime in os.supports_fd and self.is_ours():
            with contextlib.suppress(OSError):
                os.utime(self.fd)

    def close(self) -> None:
        """Close the descriptor, unless it belongs to somebody else by now."""
        if self.is_ours():
            with contextlib.suppress(OSError):
                os.close(self.fd)


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def socket_identity(fd: int) -> tuple[int, int] | None:
    """Return what tells one socket from another while it is open; None when it is closed."""
    return _identity(fd) if fd >= 0 else None
