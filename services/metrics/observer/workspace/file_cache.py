"""Cache of files that others edit by hand: read only when they changed, never trusted, never fatal."""

from __future__ import annotations

import codecs
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Signature = tuple[int, int, int, int]

# Seconds in which a second change may get the same time stamp. The coarsest in use (FAT, some network
# mounts) are 2 s apart, those with a fraction of a second a tick of the kernel's clock.
COARSE_CLOCK_SECONDS = 2.5
FINE_CLOCK_SECONDS = 0.1
REASONS = (
    *("empty", "encoding", "merge_conflict", "not_json"),
    *("too_large", "unreadable", "wrong_shape"),
)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnusableError(Exception):
    """A file could not be used; ``reason`` is one of :data:`REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Look:
    """One collection's view: the time (Unix, seconds), and where troubles are counted by (kind, reason).

    ``thorough`` asks for everything to be read again, changed or not: a network mount or a desktop's shared folder
    may show a change late, or with a clock of its own.
    """

    now: float
    troubles: Counter[tuple[str, str]] = field(default_factory=Counter)
    thorough: bool = False


def signature(found: os.stat_result) -> Signature:
    """What changes when a file changes.

    The time of modification alone does not tell: it can be set back, and a copy may keep it. The
    time of change cannot be set, and a file that was replaced is another inode.
    """
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def settled(found: os.stat_result, now: float) -> bool:
    """Whether a further change would get another time stamp; if not, look again next time."""
    fine = found.st_mtime_ns % 1_000_000_000 != 0 and found.st_ctime_ns % 1_000_000_000 != 0
    return bool(
        now - max(found.st_mtime, found.st_ctime)
        > (FINE_CLOCK_SECONDS if fine else COARSE_CLOCK_SECONDS)
    )


def read(path: str, limit: int) -> bytes:
    """Return a regular file of at most ``limit`` bytes; raise :class:`UnusableError`.

    Opened without waiting, so that a pipe somebody put there cannot stop us, and never kept open.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _NONBLOCK)
    except OSError:
        raise UnusableError("unreadable") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnusableError("unreadable")
        if found.st_size > limit:
            raise UnusableError("too_large")
        data = piece = os.read(handle, limit + 1)
        while piece and len(data) <= limit:
            piece = os.read(handle, limit + 1)
            data += piece
    except OSError:
        raise UnusableError("unreadable") from None
    finally:
        os.close(handle)
    if len(data) > limit:
        raise UnusableError("too_large")
    return data


def decode(data: bytes, kind: str, look: Look) -> str:
    """Return the text of a file, whatever editor wrote it.

    UTF-8 and what a byte order mark announces are taken as they are; anything else is read as
    Windows' western code page and counted with the reason ``encoding``: the figures in it are plain
    ASCII. Raises :class:`UnusableError` for an empty file.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise UnusableError("empty")
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        look.troubles[kind, "encoding"] += 1
        return data.decode("cp1252", "replace")


class CachedFile(Generic[T]):
    """One file and what was last read from it.

    ``value`` is the last good figure, or None before the first; ``stale`` says that it is not what the file holds now;
    ``mtime`` is when the file was last changed, by the file system's clock.
    """

    __slots__ = ("_limit", "_parse", "_seen", "_trouble", "kind", "mtime", "path", "stale", "value")

    def __init__(self, path: str, kind: str, parse: Callable[[bytes, Look], T], limit: int) -> None:
        self.path, self.kind = path, kind
        self._parse, self._limit = parse, limit
        self._seen: Signature | None = None
        self._trouble: tuple[str, Signature | None] | None = None
        self.value: T | None = None
        self.mtime: float | None = None
        self.stale = False

    def look(self, look: Look) -> bool:
        """Read the file if it changed; return whether anything about it is new."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - twice as quick
        except FileNotFoundError:
            return self._absent()
        except OSError:
            return self._failed("unreadable", None, look)
        seen = signature(found)
        if seen == self._seen and not look.thorough:
            return False
        self.mtime = found.st_mtime
        self._seen = seen if settled(found, look.now) else None
        try:
            self.value = self._parse(read(self.path, self._limit), look)
        except UnusableError as trouble:
            return self._failed(trouble.reason, seen, look)
        self.stale, self._trouble = False, None
        return True

    def _absent(self) -> bool:
        # Gone, or in the middle of being replaced: what it said last is kept, and marked
        changed = self.value is not None and not self.stale
        self.stale, self._seen = self.value is not None, None
        return changed

    def _failed(self, reason: str, seen: Signature | None, look: Look) -> bool:
        if self._trouble != (
            reason,
            seen,
        ):  # the same broken content is one trouble, not one a minute
            look.troubles[self.kind, reason] += 1
        self._trouble, self.stale = (reason, seen), True
        return True
