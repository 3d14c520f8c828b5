"""Heads of requests and of answers, in the one form that a fast lane knows."""

from __future__ import annotations

import re
import time
from email.utils import formatdate

MAX_HEAD = 8_192
MAX_BODY = 262_144
"""Larger pushes go to a thread: reading one in the event loop would hold up the others."""

_HEAD = re.compile(
    rb"(?:(PUT|POST) (/metrics/[!-~]+)|(GET) (/metrics)) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]+:[^\r\n\x00]*\r\n)+)\r\n"
)
_BEGINNINGS = (b"PUT /metrics/", b"POST /metrics/", b"GET /metrics ")
_UNUSUAL = frozenset(("transfer-encoding", "expect", "connection", "upgrade", "dreamos-final"))


class Unusual(Exception):  # noqa: N818  (not an error: somebody else takes the request)
    """The request is not for a fast lane."""


class Head:
    """The head of a push or a scrape, and how long the whole request is.

    Args:
        raw: what has come in, at least the whole head.

    Raises:
        Unusual: it is neither a plain push with a length nor a plain scrape.
    """

    __slots__ = ("end", "headers", "method", "path", "start")

    def __init__(self, raw: bytes | bytearray) -> None:
        found = _HEAD.match(raw)
        if found is None:
            raise Unusual
        self.method = bytes(found[1] or found[3])
        self.path = (found[2] or found[4]).decode("ascii")
        self.headers: dict[str, str] = {}
        for line in found[5].split(b"\r\n")[:-1]:
            name, _, value = line.decode("latin-1").partition(":")
            name = name.lower()
            if name in self.headers or name in _UNUSUAL:
                raise Unusual
            self.headers[name] = value.strip()
        self.start = found.end()
        self.end = self.start + self._length()

    def _length(self) -> int:
        length = self.headers.get("content-length", "")
        if self.method == b"GET" and not length:
            return 0
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise Unusual
        if self.method == b"GET":
            raise Unusual
        return int(length)


def head_of(raw: bytes | bytearray) -> Head | None:
    """Return the head of a request that is coming in, None while it is not complete.

    Raises:
        Unusual: it is not for a fast lane.
    """
    if b"\r\n\r\n" in raw[:MAX_HEAD]:
        return Head(raw)
    if len(raw) >= MAX_HEAD or not raw.startswith(_BEGINNINGS):
        raise Unusual
    return None


class Answers:
    """Writes the heads of answers; the date is made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._date = b""

    def head(self, content_type: str, length: int, more: bytes) -> bytes:
        """Return the head of an answer with status 200 that keeps the connection.

        Args:
            content_type: of the body.
            length: of the body, in bytes.
            more: further headers, each with its line end.
        """
        now = int(time.time())
        if now != self._second:
            self._date, self._second = formatdate(now, usegmt=True).encode(), now
        return (
            b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: %s\r\nConnection: keep-alive\r\n"
            b"Content-Type: %s\r\n%sContent-Length: %d\r\n\r\n"
            % (self._date, content_type.encode(), more, length)
        )
