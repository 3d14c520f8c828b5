"""Spool folder: what could not be sent yet, kept for whoever runs next.

`<incarnation>.live`     values of a running process, or of one that was killed (see `values_file`)
`<incarnation>.final`    the last snapshot of a process that ended while the service was away
`<incarnation>.refused`  a snapshot that the service will never take; kept for a look, not sent
again
`<incarnation>.sent`     what was sent of a process that may live (it lies in another container)

Nothing here is trusted more than the folder: it must be the user's own, and no link is followed.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.spool import file_lock
from dreamos_metrics.spool.values_file import LIVE

FINAL = ".final"
REFUSED = ".refused"
#: What a killed process' file held when it was sent, for that process should it live after all.
SENT = ".sent"
MAX_FOLDER_BYTES = 100 << 20
MAX_AGE_SECONDS = 7 * 86400.0


def default_folder() -> Path:
    """Return the user's spool folder, in the platform's folder for state; no other user shares it."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        home = Path(base) if base else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_STATE_HOME", "")
        home = Path(base) if base else Path.home() / ".local" / "state"
    return home / "dreamos-metrics" / "spool"


def writable_folder(setting: str | None) -> Path | None:
    """Return the spool folder, made if need be, or None when values can only live in memory.

    `""` asks for memory. A folder that cannot be written is counted and said once (reason
    `no_spool`).
    """
    if setting == "":
        return None
    try:
        folder = Path(setting) if setting else default_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError, ValueError) as error:
        record_error(
            "no_spool",
            f"values live in memory and a killed process loses its last seconds: "
            f"{type(error).__name__}: {error}; "
            "set DREAMOS_METRICS_SPOOL to a folder that can be written",
        )
        return None
    return folder


def check_folder(folder: Path) -> None:
    """Make sure that nobody else can put anything into the folder.

    Raises:
        OSError: it belongs to another user, or others can write there; the message says what to do.
    """
    if not hasattr(os, "geteuid"):
        return
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user (number {status.st_uid})")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"others can write to {folder}: chmod 700 it, or take a folder in it")


def open_entry(path: Path) -> int:
    """Open a file of the folder for reading and locking, and return its descriptor.

    Raises:
        OSError: it is gone, or not a plain file of the user's own.
    """
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    # Opening what is no plain file might wait for ever.
    fd = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and (
        not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    ):
        return fd
    os.close(fd)
    raise PermissionError(f"{path.name} is not a plain file of this user")


def write_final(folder: Path, header: Mapping[str, object], sequence: int, text: bytes) -> None:
    """Keep a final snapshot: whole or not at all, readable by its owner only.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / f"{header['incarnation']}{FINAL}"
    facts = {**header, "sequence": sequence, "ended": time.time()}
    first = json.dumps(facts).encode("ascii") + b"\n"
    _write_whole(path, first + gzip.compress(text, compresslevel=6, mtime=0))


def write_sent(folder: Path, incarnation: str, values: bytes) -> None:
    """Keep what was sent of a process that may live.

    Raises:
        OSError: the folder cannot be written.
    """
    _write_whole(folder / f"{incarnation}{SENT}", values)


def _write_whole(path: Path, content: bytes) -> None:
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".final-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def waiting(folder: Path) -> list[Path]:
    """Return the files that are or may become something to send.

    Those that were never tried come first, the oldest first: the time of access is the time of the
    last try (see `postpone`).
    """
    found: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((LIVE, FINAL)):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found.append((max(status.st_atime, status.st_mtime), Path(entry.path)))
    return [path for _, path in sorted(found)]


def postpone(path: Path) -> None:
    """Let a file wait behind all others: it was tried in vain."""
    with contextlib.suppress(OSError):
        os.utime(path, (time.time(), path.lstat().st_mtime), follow_symlinks=False)


def is_owned(path: Path) -> bool:
    """Whether a running process holds this file."""
    try:
        fd = open_entry(path)
    except OSError:
        return False
    try:
        return not file_lock.lock(fd)
    finally:
        os.close(fd)


def refuse(path: Path) -> None:
    """Set a file aside so that it is not sent again."""
    with contextlib.suppress(OSError):
        path.replace(path.with_suffix(REFUSED))


def tidy(
    folder: Path, *, max_bytes: int = MAX_FOLDER_BYTES, max_age_seconds: float = MAX_AGE_SECONDS
) -> int:
    """Delete what is too old, and the oldest while the folder is too large; return how many counts'
    files went.

    Files of running processes are never touched.
    """
    now, total, dropped = time.time(), 0, 0
    for changed, size, path in sorted(_spool_files(folder), reverse=True):
        half_made = path.suffix in (".new", SENT) or path.name.startswith(".final-")
        too_old = now - changed > (3600 if half_made else max_age_seconds)
        total += size
        if (too_old or (total > max_bytes and not half_made)) and not is_owned(path):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
                dropped += path.suffix in (LIVE, FINAL)
    if dropped:
        record_error("spool_dropped", f"{dropped} unsent snapshots were too old or too many")
    return dropped


def _spool_files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name.endswith((LIVE, FINAL, REFUSED, SENT, ".new"))
            if ours or entry.name.startswith(".final-"):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime, status.st_size, Path(entry.path)
