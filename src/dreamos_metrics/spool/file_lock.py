"""Lock on an open file, which ends with the process that holds it, however it ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    _LOCK_OFFSET_BYTES = (
        1 << 30
    )  # beyond the file's end: Windows forbids others to read locked bytes

    def lock(fd: int) -> bool:
        """Take the lock without waiting; return whether it is ours now."""
        os.lseek(fd, _LOCK_OFFSET_BYTES, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def lock(fd: int) -> bool:
        """Take the lock without waiting; return whether it is ours now.

        It belongs to the open file, not to the process: two openings in one process exclude each
        other too, and a forked child must close its copy.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
