"""Atomic replacement of a file: a reader sees the old or the new content, never half of it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def replace_file(target: Path, data: bytes) -> None:
    """Write `data` to the disk beside `target`, then give it the name of `target`.

    Permissions of a file that is there stay; a new one gets those that any new file gets.

    Raises:
        OSError: `target` is unchanged and nothing is left beside it.
    """
    temporary = target.with_name(f".{target.name[:40]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    # Opened like this, the kernel applies the umask, which Python can not read without setting it.
    descriptor = os.open(temporary, _NEW_FILE, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
