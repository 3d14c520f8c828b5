"""Activity log: a file of JSON lines that only grows, read from where we stopped."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from services.metrics.observer.workspace.file_cache import Look
from services.metrics.observer.workspace.parsing import is_merge_mark

TYPES = (
    *("TASK_CLAIMED", "TASK_COMPLETED", "DEVLOG_CREATED", "GIT_COMMIT", "GIT_PUSH", "TOOL_RUN"),
    *("BRAIN_WRITE", "MONEY_METRIC"),
)
MAX_CHUNK_BYTES = (
    4 << 20
)  # bytes taken in one collection; a longer file is caught up with in the next ones
_TAIL_BYTES = 256


@dataclass
class Events:
    """Events counted so far by (agent, type), and how far the file was read.

    A file is taken for the one we were reading when the bytes before our place are the same; an
    editor that writes it anew with more at its end does not make us count twice. Otherwise it was
    rotated, and is read from its beginning. ``created`` holds when a pair was first met (Unix
    seconds); what the log held before we first read it has no such time, so that years of history
    do not look like a burst of today.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    created: dict[tuple[str, str], float] = field(default_factory=dict)
    caught_up: bool = False
    offset: int = 0
    tail: str = ""
    failed: bool = False

    def look(self, path: str, look: Look, agent_of: Callable[[object], str]) -> bool:
        """Count the lines that are new; return whether there were any. ``agent_of`` bounds the agent's label."""
        try:
            data = self._read(path)
        except FileNotFoundError:
            return False
        except OSError:
            if not self.failed:
                look.troubles["events", "unreadable"] += 1
            self.failed = True
            return False
        self.failed = False
        fresh, self.caught_up = self.caught_up, self.caught_up or len(data) < MAX_CHUNK_BYTES
        whole = data.rfind(b"\n") + 1  # a line that is still being written waits for its end
        if not whole and len(data) < MAX_CHUNK_BYTES:
            return not fresh
        whole = whole or len(data)
        for line in data[:whole].splitlines():
            self._count(line, look, agent_of, fresh)
        self._advance(path, whole)
        return True

    def _read(self, path: str) -> bytes:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise OSError("no regular file")
            if self.offset and (
                found.st_size < self.offset or _print(file, self.offset) != self.tail
            ):
                self.offset = 0
            file.seek(self.offset)
            return file.read(MAX_CHUNK_BYTES) if found.st_size > self.offset else b""

    def _advance(self, path: str, passed: int) -> None:
        self.offset += passed
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                self.tail = _print(file, self.offset)
        except OSError:
            self.tail = ""

    def _count(
        self, line: bytes, look: Look, agent_of: Callable[[object], str], fresh: bool
    ) -> None:
        if not line.strip():
            return
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            mark = is_merge_mark(line.decode("utf-8", "replace"))
            look.troubles["events", "merge_conflict" if mark else "not_json"] += 1
            return
        found = event.get("type")
        kind = found if found in TYPES else "other"
        key = (agent_of(event.get("agent")), kind.lower())
        if fresh and key not in self.counts:
            self.created[key] = look.now
        self.counts[key] += 1


def _print(file: BinaryIO, offset: int) -> str:
    file.seek(max(0, offset - _TAIL_BYTES))
    data = file.read(min(_TAIL_BYTES, offset))
    return hashlib.blake2b(data, digest_size=8).hexdigest()
