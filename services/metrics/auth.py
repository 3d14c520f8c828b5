"""Who may push and who may read: tokens in files, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from services.metrics.errors import Rejected

RECHECK = 1.0
"""Seconds between two looks at a token file; a rotated token works within this time."""


class TokenFileError(ValueError):
    """A token file is missing, unreadable or empty; the message says which and what to do."""


class TokenFile:
    """The tokens in one file, one to a line, read again when the file changes.

    Two lines are what a rotation needs: the new token is added, the agents are moved over, the
    old one is taken out. Lines that are empty or begin with ``#`` are skipped.

    Args:
        path: the file. It must be readable and hold a token when the service starts; if it
            becomes unreadable later, the tokens that were read last stay valid.

    Raises:
        TokenFileError: the file cannot be read or holds no token.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[bytes, ...] = ()
        self._usable = True
        self.on_reload: Callable[[str, str], None] = lambda _outcome, _reason: None
        """Is told when the file was read again (``accepted``) or no longer can be (``failed``)."""
        self._load()

    def _load(self) -> None:
        try:
            status = self._path.stat()
            text = self._path.read_bytes()
        except OSError as error:
            raise TokenFileError(
                f"cannot read the token file {self._path}: {error.strerror}; "
                "create it with one line that holds the token, readable by this user"
            ) from None
        lines = (line.strip() for line in text.splitlines())
        tokens = tuple(line for line in lines if line and not line.startswith(b"#"))
        if not tokens:
            raise TokenFileError(f"the token file {self._path} holds no token")
        self._tokens = tokens
        self._seen = (status.st_mtime_ns, status.st_size, status.st_ino)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        with self._lock:
            self._next_look = now + RECHECK
            try:
                status = self._path.stat()
                if (status.st_mtime_ns, status.st_size, status.st_ino) != self._seen:
                    self._load()
                    self.on_reload("accepted", f"{len(self._tokens)} in the file")
                self._usable = True
            except (OSError, TokenFileError):
                if self._usable:
                    self.on_reload("failed", "unreadable or empty; the last ones stay valid")
                self._usable = False

    def accepts(self, offered: bytes) -> bool:
        """Tell whether ``offered`` is one of the tokens; every one is compared in full."""
        self._refresh()
        found = False
        for token in self._tokens:
            found |= hmac.compare_digest(token, offered)
        return found

    def redact(self, text: str) -> str:
        """Return ``text`` with the tokens taken out, should it hold one."""
        for token in self._tokens:
            text = text.replace(token.decode("utf-8", "replace"), "[token]")
        return text


def offered_token(header: str | None) -> bytes | None:
    """Take the token out of an ``Authorization`` header: Bearer, or the password of Basic.

    Returns:
        The token, or None when there is no header or it has another form.
    """
    if not header:
        return None
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode("utf-8", "replace")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(b":")[2]


class Authenticator:
    """Decides whether a request may push or read, and slows down those who guess.

    Args:
        push: file of the push tokens; None lets everybody push.
        read: file of the read tokens; None lets everybody read.
        max_failures: failed attempts of one address within a minute, after which further ones
            are answered 429. The right token always works: behind a proxy or in containers many
            agents share one address, and one with an old token must not lock the others out.
    """

    def __init__(self, push: Path | None, read: Path | None, max_failures: int = 60) -> None:
        self._files = {
            "push": TokenFile(push) if push else None,
            "read": TokenFile(read) if read else None,
        }
        self._max = max_failures
        self._lock = threading.Lock()
        self._failures: dict[str, list[float]] = {}

    def watch(self, on_reload: Callable[[str, str, str], None]) -> None:
        """Call ``on_reload`` with kind, outcome and reason whenever a token file was read again."""
        for kind, tokens in self._files.items():
            if tokens is not None:
                tokens.on_reload = partial(on_reload, kind)

    def redact(self, text: str) -> str:
        """Return ``text`` without any of the tokens."""
        for tokens in self._files.values():
            text = tokens.redact(text) if tokens is not None else text
        return text

    def needs_token(self, kind: str) -> bool:
        """Tell whether a token is configured for ``kind`` (push or read)."""
        return self._files[kind] is not None

    def admits(self, kind: str, header: str | None) -> bool:
        """Tell whether a request may push or read; a failed attempt is not counted."""
        tokens = self._files[kind]
        if tokens is None:
            return True
        offered = offered_token(header)
        return offered is not None and tokens.accepts(offered)

    def check(self, kind: str, header: str | None, address: str) -> None:
        """Let the request pass or refuse it.

        Args:
            kind: ``push`` or ``read``.
            header: the ``Authorization`` header, if there is one.
            address: who asks; failures are counted for each address.

        Raises:
            Rejected: ``unauthorized``, or ``throttled`` after too many failed attempts.
        """
        if self.admits(kind, header):
            return
        if self._throttled(address):
            raise Rejected("throttled", "too many failed attempts; wait a minute")
        self._remember(address)
        what = "is missing" if offered_token(header) is None else "is wrong"
        raise Rejected("unauthorized", f"the {kind} token {what}")

    def _throttled(self, address: str) -> bool:
        with self._lock:
            times = self._failures.get(address)
            if times is None:
                return False
            recent = [t for t in times if t > time.monotonic() - 60.0]
            if recent:
                self._failures[address] = recent
            else:
                del self._failures[address]
            return len(recent) >= self._max

    def _remember(self, address: str) -> None:
        with self._lock:
            if len(self._failures) >= 10_000:
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(address, []).append(time.monotonic())
