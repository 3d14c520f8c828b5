"""The spool folder: what could not be sent yet, kept for whoever runs next.

``<incarnation>.live``     values of a running process, or of one that was killed (see `_file`)
``<incarnation>.final``    the last snapshot of a process that ended while the service was away
``<incarnation>.refused``  a snapshot that the service will never take; kept for a look, not sent again
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamos.core.metrics import _filelock, _render
from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._file import LIVE, read_left

FINAL = ".final"
REFUSED = ".refused"
MAX_BYTES = 100 << 20
MAX_AGE = 7 * 86400.0
_MAX_ENTRY = 64 << 20


def default_folder() -> Path:
    """Return the user's spool folder: in the state folder of the platform, never shared with other users."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        home = Path(base) if base else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_STATE_HOME", "")
        home = Path(base) if base else Path.home() / ".local" / "state"
    return home / "dreamos-metrics" / "spool"


def usable_folder(setting: str | None) -> Path | None:
    """Return the spool folder, made if need be, or None when values can only live in memory.

    ``""`` asks for memory. A folder that cannot be written is counted and said once (reason ``no_spool``).
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
            f"{type(error).__name__}: {error}; set DREAMOS_METRICS_SPOOL to a folder that can be written",
        )
        return None
    return folder


@dataclass(frozen=True)
class Entry:
    """One thing to send.

    Attributes:
        header: url, job, agent, incarnation and interval of the process that left it.
        sequence: the number of its final push.
        uncertain: whether the process was killed.
        body: the OpenMetrics text, packed with gzip.
    """

    path: Path
    header: Mapping[str, Any]
    sequence: int
    uncertain: bool
    body: bytes


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


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[Entry | None]:
    """Open one file for sending; None when its owner lives, somebody else sends it, or it is damaged.

    While the context lasts nobody else gets it.
    """
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        yield None
        return
    try:
        if not _filelock.lock(fd) or not _still_there(fd, path):
            yield None
            return
        yield _read(fd, path)
    finally:
        os.close(fd)


def is_owned(path: Path) -> bool:
    """Whether a running process holds this file."""
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        return not _filelock.lock(fd)
    finally:
        os.close(fd)


def _still_there(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def _read(fd: int, path: Path) -> Entry | None:
    try:
        if os.fstat(fd).st_size > _MAX_ENTRY:
            raise ValueError("too large")  # noqa: TRY301
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read()
        return _parse_final(path, data) if path.suffix == FINAL else _parse_live(path, data)
    except (OSError, ValueError) as error:
        record_error("spool_damaged", f"{path.name} is set aside: {error}")
        refuse(path)
        return None


def _parse_final(path: Path, data: bytes) -> Entry:
    first, _, body = data.partition(b"\n")
    header = json.loads(first)
    if not isinstance(header, dict):
        raise ValueError("not a final snapshot")  # noqa: TRY004 - damaged, not misused
    try:
        gzip.decompress(body)  # cut off, it would be refused by the service with nobody to tell
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"its body is damaged: {error}") from error
    return Entry(path, _checked(header), int(header.get("sequence", 1)), False, body)


def _parse_live(path: Path, data: bytes) -> Entry:
    left = read_left(data)
    pieces: list[str] = []
    for family, series in left.families:
        # Gauges end with their process.
        if family.kind in ("counter", "summary", "histogram"):
            pieces.append(_render.head_of(family))
            for labels, read in series:
                pieces.extend(_render.lines(family, labels, read, began=True))
    pieces.append("# EOF\n")
    body = gzip.compress("".join(pieces).encode("utf-8"), compresslevel=1, mtime=0)
    return Entry(path, _checked(left.header), left.sequence + 1, True, body)


def _checked(header: Mapping[str, Any]) -> Mapping[str, Any]:
    if not all(isinstance(header.get(k), str) for k in ("url", "job", "agent", "incarnation")):
        raise ValueError("its header is incomplete")
    return header


def refuse(path: Path) -> None:
    """Set a file aside so that it is not sent again."""
    with contextlib.suppress(OSError):
        path.replace(path.with_suffix(REFUSED))


def tidy(folder: Path, *, max_bytes: int = MAX_BYTES, max_age: float = MAX_AGE) -> int:
    """Delete what is too old, and the oldest while the folder is too large; return how many counts' files went.

    Files of running processes are never touched.
    """
    now, total, dropped = time.time(), 0, 0
    for changed, size, path in sorted(_everything(folder), reverse=True):
        half_made = path.suffix == ".new" or path.name.startswith(".final-")
        too_old = now - changed > (3600 if half_made else max_age)
        total += size
        if (too_old or (total > max_bytes and not half_made)) and not is_owned(path):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
                dropped += path.suffix in (LIVE, FINAL)
    if dropped:
        record_error("spool_dropped", f"{dropped} unsent snapshots were too old or too many")
    return dropped


def _everything(folder: Path) -> Iterator[tuple[float, int, Path]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name.endswith((LIVE, FINAL, REFUSED, ".new"))
            if ours or entry.name.startswith(".final-"):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime, status.st_size, Path(entry.path)
