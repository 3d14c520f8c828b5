"""Lock of the data folder: it belongs to one service at a time."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import IO

PATIENCE_SECONDS = 4.0
"""How long to wait for a service that is just going away."""


class DataDirLockedError(RuntimeError):
    """Another service uses the folder; the message says which folder."""


def claim(folder: Path, patience: float = PATIENCE_SECONDS) -> IO[bytes]:
    """Claim the folder for this process; the claim ends with the process, however it ends.

    Args:
        folder: is made when it is not there.
        patience: seconds to wait for another one to go.

    Returns:
        The open lock file; closing it gives the folder up.

    Raises:
        DataDirLockedError: another service holds it.
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.fdopen(os.open(folder / "lock", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
    deadline = time.monotonic() + patience
    while not _lock(file):
        if time.monotonic() > deadline:
            file.close()
            raise DataDirLockedError(f"another service uses the data folder {folder}")
        time.sleep(0.05)
    return file


def _lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
