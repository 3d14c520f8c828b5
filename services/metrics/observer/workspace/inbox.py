"""Mailboxes: a folder of message files, or one JSON file of messages."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import tzinfo

from services.metrics.observer.workspace.file_cache import (
    Look,
    Signature,
    UnusableError,
    decode,
    settled,
    signature,
)
from services.metrics.observer.workspace.parsing import document, stamp

MAX_BYTES = 8 << 20
# A message that is not handled: no hidden file, and no such word before the ending
_UNREAD = re.compile(
    r"[^.].*(?<!_processed)(?<!_read)(?<!_archived)(?<!_done)\.(?:md|txt|json)", re.IGNORECASE
)
_SEEN_KEYS = ("read", "is_read", "processed", "handled", "completed", "done")
_SEEN_STATES = frozenset(
    (
        *("read", "processed", "handled", "done", "archived"),
        *("complete", "completed", "closed", "cancelled", "canceled", "resolved"),
    )
)
_MESSAGE_LISTS = ("messages", "inbox")
_TASK_LISTS = ("tasks", "items")
_STAMPS = ("timestamp", "created_at", "created", "assigned_at", "sent_at", "received_at", "date")
# What makes an object a message or a task, and not a file of something else
_TELLING = frozenset(
    (
        *("content", "from", "from_agent", "message", "body", "subject"),
        *("task", "task_id", "title", "description", "instructions", "prompt", "objective"),
    )
)


@dataclass(frozen=True)
class Mail:
    """Unread messages, and when the oldest of them arrived (Unix seconds, None without one)."""

    unread: int
    oldest: float | None


class InboxFolder:
    """A folder of messages; handled ones carry ``_processed`` or ``_read`` before the ending, or are moved away.

    A folder's time of modification tells that a file came, went or was renamed, and that is all
    there is to know: what a message says does not matter. It does not tell a second change within
    one tick, which :func:`settled` covers, and a shared folder may tell it late, which a thorough
    look covers.
    """

    __slots__ = ("_failed", "_oldest", "_seen", "mail", "path", "stale")

    def __init__(self, path: str) -> None:
        self.path = path
        self.mail: Mail | None = None
        self.stale = False
        self._seen: Signature | None = None
        self._failed = False
        self._oldest = ""

    def look(self, look: Look) -> bool:
        """List the folder if it changed; return whether anything about it is new."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - twice as quick
            seen = signature(found)
            if seen == self._seen and not look.thorough:
                return False
            self._list(look.thorough)
        except (FileNotFoundError, NotADirectoryError):
            changed = self.mail is not None
            self.mail, self.stale, self._seen = None, False, None
            return changed
        except OSError:
            return self._unreadable(look)
        self._seen = seen if settled(found, look.now) else None
        self.stale = self._failed = False
        return True

    def _unreadable(self, look: Look) -> bool:
        if not self._failed:
            look.troubles["inbox", "unreadable"] += 1
        self.stale = self._failed = True
        self._seen = None
        return True

    def _list(self, thorough: bool) -> None:
        with os.scandir(self.path) as entries:
            unread = [entry for entry in entries if _unread(entry)]
        oldest = self.mail.oldest if self.mail is not None else None
        if thorough or all(entry.name != self._oldest for entry in unread):
            # Only now is each message asked for its time: while the oldest is still there, what came is newer
            dated = [
                (time, entry.name) for entry in unread if (time := _arrival(entry)) is not None
            ]
            oldest, self._oldest = min(dated, default=(None, ""))
        self.mail = Mail(len(unread), oldest)


def _unread(entry: os.DirEntry[str]) -> bool:
    try:
        return _UNREAD.fullmatch(entry.name) is not None and entry.is_file(follow_symlinks=False)
    except OSError:
        return False  # handled meanwhile


def _arrival(entry: os.DirEntry[str]) -> float | None:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return None  # handled meanwhile


def parse(data: bytes, look: Look, zone: tzinfo | None = None) -> Mail:
    """Read an ``inbox.json``: a list of messages, an object with lists of them, one message, or one task document.

    Raises UnusableError.
    """
    found = _messages(document(decode(data, "inbox", look)))
    unread = [message for message in found if not _handled(message)]
    stamps = [_arrived(message, zone) for message in unread if isinstance(message, dict)]
    known = [time for time in stamps if time is not None]
    return Mail(len(unread), min(known) if known else None)


def _messages(found: object) -> list[object]:
    if isinstance(found, list):
        return found
    if not isinstance(found, dict):
        raise UnusableError("wrong_shape")
    if lists := _lists(found, _MESSAGE_LISTS):
        return lists[0]
    if _TELLING & found.keys():
        return [found]  # a task document may hold lists of its own, of steps for example
    if lists := _lists(found, _TASK_LISTS):
        return lists[0]
    if found and all(isinstance(value, dict) for value in found.values()):
        return [value for value in found.values() if _TELLING & value.keys()]  # by id
    return []


def _lists(found: dict[str, object], names: tuple[str, ...]) -> list[list[object]]:
    return [value for name in names if isinstance(value := found.get(name), list)]


def _arrived(message: dict[str, object], zone: tzinfo | None) -> float | None:
    times = (stamp(message.get(name), zone) for name in _STAMPS)
    return next((time for time in times if time is not None), None)


def _handled(message: object) -> bool:
    if not isinstance(message, dict):
        return False
    if any(message.get(key) is True for key in _SEEN_KEYS):
        return True
    return str(message.get("status", "")).lower() in _SEEN_STATES
