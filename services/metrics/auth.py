"""Who may push, delete and read."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import Labels
from services.metrics.tokens import Token, TokenFile

ANYBODY = Token(b"")
"""Stands for a request that needs no token."""
FAILURE_WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000
"""Addresses whose failed attempts are remembered."""


def offered_token(header: str | None) -> bytes | None:
    """Take the token out of an ``Authorization`` header: Bearer, or the password of Basic.

    Returns:
        The token, or None when there is no header or it has another form.
    """
    if not header:
        return None
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        # Headers come as latin-1; the bytes are what was sent.
        return rest.strip(" \t").encode("latin-1", "replace")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(b":")[2]


class Authenticator:
    """Decides whether a request may push, delete or read, and slows down those who guess.

    Args:
        push: file of the push tokens; None lets everybody push and delete.
        read: file of the read tokens; None lets everybody read.
        max_failures: failed attempts of one address within a minute, after which further ones
            are answered 429. The right token always works: behind a proxy or in containers many
            agents share one address, and one with an old token must not lock the others out.
        on_reload: told with kind, outcome and reason when a token file was read again.

    Raises:
        TokenFileError: a file cannot be used.
    """

    def __init__(
        self,
        push: Path | None,
        read: Path | None,
        max_failures: int = 60,
        on_reload: Callable[[str, str, str], None] = lambda _kind, _outcome, _reason: None,
    ) -> None:
        self._files = {
            kind: TokenFile(path, partial(on_reload, kind)) if path else None
            for kind, path in (("push", push), ("read", read))
        }
        self._max = max_failures
        self._lock = threading.Lock()
        self._failures: dict[str, list[float]] = {}

    def redact(self, text: str) -> str:
        """Return ``text`` without any of the tokens."""
        for tokens in self._files.values():
            text = tokens.redact(text) if tokens is not None else text
        return text

    def needs_token(self, kind: str) -> bool:
        """Tell whether a token is configured for ``kind`` (push or read)."""
        return self._files[kind] is not None

    def admits(self, kind: str, header: str | None) -> Token | None:
        """Return the token by which a request may push or read; a failed attempt is not counted.

        Args:
            kind: ``push`` or ``read``.
            header: the ``Authorization`` header, if there is one.

        Returns:
            None when it may not.
        """
        tokens = self._files[kind]
        if tokens is None:
            return ANYBODY
        offered = offered_token(header)
        found = tokens.find(offered) if offered is not None else None
        return found if found is not None and not found.expired() else None

    def check(self, kind: str, header: str | None, address: str) -> Token:
        """Let the request pass or refuse it.

        Args:
            kind: ``push`` or ``read``.
            header: the ``Authorization`` header, if there is one.
            address: who asks; failures are counted for each address.

        Returns:
            The token by which it passes.

        Raises:
            Rejected: ``unauthorized``, or ``throttled`` after too many failed attempts.
        """
        token = self.admits(kind, header)
        if token is not None:
            return token
        if self._throttled(address):
            raise Rejected("throttled", "too many failed attempts; wait a minute")
        self._remember(address)
        raise Rejected("unauthorized", f"the {kind} token {self._wrong(kind, header)}")

    def _wrong(self, kind: str, header: str | None) -> str:
        offered, tokens = offered_token(header), self._files[kind]
        if offered is None:
            return "is missing"
        known = tokens is not None and tokens.find(offered) is not None
        return "has expired" if known else "is wrong"

    def _throttled(self, address: str) -> bool:
        with self._lock:
            times = self._failures.get(address)
            if times is None:
                return False
            recent = [t for t in times if t > time.monotonic() - FAILURE_WINDOW_SECONDS]
            if recent:
                self._failures[address] = recent
            else:
                del self._failures[address]
            return len(recent) >= self._max

    def _remember(self, address: str) -> None:
        with self._lock:
            if len(self._failures) >= MAX_ADDRESSES:
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(address, []).append(time.monotonic())


def check_rights(token: Token, labels: Labels, right: str) -> None:
    """Refuse what a token is not good for.

    Args:
        token: that passed.
        labels: of the group that the request is about.
        right: ``push`` or ``delete``.

    Raises:
        Rejected: ``forbidden``.
    """
    if right not in token.rights:
        raise Rejected("forbidden", f"this token may not {right}")
    outside = token.covers(labels)
    if outside:
        raise Rejected("forbidden", f"this token may not {right} for {outside}")
