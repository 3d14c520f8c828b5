"""Spool folder: what could not be sent yet, kept for whoever runs next.

`<incarnation>.live`     values of a running process, or of one that was killed (see `values_file`)
`<incarnation>.final`    the last snapshot of a process that ended while the service was away
`<incarnation>.refused`  a snapshot that the service will never take; kept for a look, not sent
again
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
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
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:
        record_error(
            "no_spool",
            f"values live in memory and a killed process loses its last seconds: "
            f"{type(error).__name__}: {error}; "
            "set DREAMOS_METRICS_SPOOL to a folder that can be written",
        )
        return None
    return folder


def write_final(folder: Path, header: Mapping[str, object], sequence: int, text: bytes) -> None:
    """Keep a final snapshot: whole or not at all, readable by its owner only.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / f"{header['incarnation']}{FINAL}"
    first = json.dumps({**header, "sequence": sequence}).encode("ascii") + b"\n"
    fd, name = tempfile.mkstemp(dir=folder, prefix=".final-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(first + gzip.compress(text, compresslevel=6, mtime=0))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def waiting(folder: Path) -> list[Path]:
    """Return the files that are or may become something to send, oldest first."""
    found: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((LIVE, FINAL)):
                with contextlib.suppress(OSError):
                    found.append((entry.stat().st_mtime, Path(entry.path)))
    return [path for _, path in sorted(found)]


def is_owned(path: Path) -> bool:
    """Whether a running process holds this file."""
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
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
        half_made = path.suffix == ".new" or path.name.startswith(".final-")
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
            ours = entry.name.endswith((LIVE, FINAL, REFUSED, ".new"))
            if ours or entry.name.startswith(".final-"):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime, status.st_size, Path(entry.path)
