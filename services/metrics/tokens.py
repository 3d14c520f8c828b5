"""Token files: who may do what, one token to a line.

A line is a token alone, which may do everything, or fields before a token::

    name=ci jobs=ci-*,nightly agents=build-? rights=push,delete expires=2027-01-31 token=…

"""

from __future__ import annotations

import hmac
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path

from services.metrics.protocol.grouping_key import Labels

RECHECK_SECONDS = 1.0
"""Pause between two looks at a token file; a changed file counts within this time."""
ALL_RIGHTS = frozenset(("push", "delete"))
_LINE = re.compile(r"(?:[a-z]+=\S+\s+)*token=(\S+)")
_FIELD = re.compile(r"(?:jobs|agents|rights|expires)=\S*\s|\s(?:jobs|agents|rights|expires)=")
_FIELDS = ("name", "jobs", "agents", "rights", "expires", "token")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


class TokenFileError(ValueError):
    """A token file is missing, unreadable, empty or wrong; the message says which and what to do."""


@dataclass(frozen=True)
class Token:
    """One token and what it is good for.

    Args:
        secret: what is sent.
        name: for the audit log; never the token itself.
        jobs: patterns of jobs that it may push for; none is all.
        agents: patterns of agents; none is all, and pushes without an agent.
        rights: ``push``, ``delete``.
        expires: Unix time from which on it is no longer good; None is never.
    """

    secret: bytes = field(repr=False)
    name: str = ""
    jobs: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    rights: frozenset[str] = ALL_RIGHTS
    expires: float | None = None

    def expired(self) -> bool:
        """Tell whether its time is over."""
        return self.expires is not None and time.time() >= self.expires

    def covers(self, labels: Labels) -> str:
        """Return what it may not push for, as ``job x`` or ``agent y``; empty when it may."""
        if not self.jobs and not self.agents:
            return ""
        given = dict(labels)
        for label, patterns in (("job", self.jobs), ("agent", self.agents)):
            value = given.get(label, "")
            if patterns and not any(fnmatchcase(value, pattern) for pattern in patterns):
                return f"{label} {value!r}" if value else f"a group without {label}"
        return ""


class TokenFile:
    """The tokens in one file, read again when the file changes.

    Two lines are what a rotation needs: the new token is added, the agents are moved over, the
    old one is taken out. Lines that are empty or begin with ``#`` are skipped.

    Args:
        path: the file. It must be readable and hold a token when the service starts; if it
            becomes unusable later, the tokens that were read last stay valid.
        on_reload: told when the file was read again (``accepted``) or no longer can be
            (``failed``), and why.

    Raises:
        TokenFileError: the file cannot be read, holds no token, or a line is wrong.
    """

    def __init__(
        self, path: Path, on_reload: Callable[[str, str], None] = lambda _outcome, _reason: None
    ) -> None:
        self._path = path
        self._on_reload = on_reload
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()
        self._usable = True
        self._load()

    def _load(self) -> None:
        try:
            status = self._path.stat()
            raw = self._path.read_bytes()
        except OSError as error:
            raise TokenFileError(
                f"cannot read the token file {self._path}: {error.strerror}; "
                "create it with one line that holds the token, readable by this user"
            ) from None
        tokens = tuple(_tokens(raw, self._path))
        if not tokens:
            raise TokenFileError(f"the token file {self._path} holds no token")
        self._tokens = tokens
        self._seen = (status.st_mtime_ns, status.st_size, status.st_ino)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        with self._lock:
            self._next_look = now + RECHECK_SECONDS
            try:
                status = self._path.stat()
                if (status.st_mtime_ns, status.st_size, status.st_ino) != self._seen:
                    self._load()
                    self._on_reload("accepted", f"{len(self._tokens)} in the file")
                self._usable = True
            except (OSError, TokenFileError):
                if self._usable:
                    reason = "unreadable, empty or wrong; the last ones stay valid"
                    self._on_reload("failed", reason)
                self._usable = False

    def find(self, offered: bytes) -> Token | None:
        """Return the token that was offered; every one is compared in full."""
        self._refresh()
        found = None
        for token in self._tokens:
            if hmac.compare_digest(token.secret, offered):
                found = token
        return found

    def first(self) -> str:
        """Return the first token of the file: the one to send, while another is rotated out."""
        self._refresh()
        return self._tokens[0].secret.decode()

    def redact(self, text: str) -> str:
        """Return ``text`` with the tokens taken out, should it hold one."""
        for token in self._tokens:
            text = text.replace(token.secret.decode("utf-8", "replace"), "[token]")
        return text


def _tokens(raw: bytes, path: Path) -> list[Token]:
    encoding = "utf-8"
    for mark, named in _MARKS:  # editors on Windows write one of these in front
        if raw.startswith(mark):
            raw, encoding = raw[len(mark) :], named
            break
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise TokenFileError(f"the token file {path} is not text") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            found.append(_token(line, f"line {number} of the token file {path}", number))
    return found


def _token(line: str, where: str, number: int) -> Token:
    found = _LINE.fullmatch(line)
    if found is None and _FIELD.search(line):
        raise TokenFileError(f"{where}: beside fields such as expires= a token is token=…")
    if found is None:
        return Token(line.encode(), f"line {number}")
    given: dict[str, str] = {}
    for part in line.split():
        name, _, value = part.partition("=")
        if name not in _FIELDS or name in given:
            raise TokenFileError(f"{where}: {name} is twice there or not one of {_FIELDS}")
        given[name] = value
    rights = frozenset(given.get("rights", "push").split(","))
    if not rights <= ALL_RIGHTS:
        raise TokenFileError(f"{where}: rights are push and delete, separated by a comma")
    return Token(
        given["token"].encode(),
        given.get("name", f"line {number}"),
        _patterns(given.get("jobs", "")),
        _patterns(given.get("agents", "")),
        rights,
        _time(given["expires"], where) if "expires" in given else None,
    )


def _patterns(raw: str) -> tuple[str, ...]:
    return tuple(part for part in raw.split(",") if part)


def _time(raw: str, where: str) -> float:
    try:
        moment = datetime.fromisoformat(raw.replace("Z", "+00:00"))
    except ValueError:
        raise TokenFileError(f"{where}: expires is a date like 2027-01-31T12:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
