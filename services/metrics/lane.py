"""The fast lane: a push whose lines are known already, on a connection that is known already.

It does what the route does, without building a request object for it. Whatever is unusual in any
way (another method, another header form, lines not seen before, a final push, a refusal) is left
to the route, so that there is one place that judges and answers it.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate

from services.metrics.errors import Refused
from services.metrics.routes import body as reading
from services.metrics.routes.push import target_of
from services.metrics.service import Service
from services.metrics.store.push import Answer, Push

MAX_HEAD = 8_192
MAX_BODY = 262_144
"""Larger pushes go to a thread: reading one in the event loop would hold up the others."""

_HEAD = re.compile(
    rb"(PUT|POST) (/metrics/[!-~]+) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[^\r\n\x00]*\r\n)+)\r\n"
)
_UNUSUAL = frozenset(("transfer-encoding", "expect", "connection", "upgrade", "dreamos-final"))


class Unusual(Exception):  # noqa: N818  (not an error: somebody else takes the request)
    """The request is not for the fast lane."""


class Head:
    """The head of a push and how long the whole request is.

    Args:
        raw: what has come in, at least the whole head.

    Raises:
        Unusual: it is not a plain push with a length.
    """

    __slots__ = ("end", "headers", "method", "path", "start")

    def __init__(self, raw: bytes | bytearray) -> None:
        found = _HEAD.match(raw)
        if found is None:
            raise Unusual
        self.method, self.path = bytes(found[1]), found[2].decode("ascii")
        self.headers: dict[str, str] = {}
        for line in found[3].split(b"\r\n")[:-1]:
            name, _, value = line.decode("latin-1").partition(":")
            name = name.lower()
            if name in self.headers or name in _UNUSUAL:
                raise Unusual
            self.headers[name] = value.strip()
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise Unusual
        self.start = found.end()
        self.end = self.start + int(length)


def head_of(raw: bytes | bytearray) -> Head | None:
    """Return the head of a request that is coming in, None while it is not complete.

    Raises:
        Unusual: it is not for the fast lane.
    """
    if b"\r\n\r\n" in raw[:MAX_HEAD]:
        return Head(raw)
    if len(raw) >= MAX_HEAD or not raw.startswith((b"PUT /metrics/", b"POST /metrics/")):
        raise Unusual
    return None


class Lane:
    """Answers pushes whose lines are known.

    Args:
        service: what takes them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._second = 0
        self._date = b""
        metrics = service.metrics
        self._outcomes = {o: metrics.pushes.labels(o) for o in ("accepted", "stale")}

    def answer(self, head: Head, body: bytes) -> bytes:
        """Take the push.

        Args:
            head: of the request.
            body: as it came in.

        Returns:
            The whole answer.

        Raises:
            Unusual: the route has to take it; nothing has changed.
        """
        began = time.perf_counter()
        try:
            push = self._push(head, body)
            answer = self._service.store.push_known(push)
        except Refused:
            raise Unusual from None
        if answer is None:
            raise Unusual
        metrics = self._service.metrics
        self._outcomes[answer.outcome].inc()
        metrics.samples.inc(answer.samples)
        metrics.push_duration.observe(time.perf_counter() - began)
        return self._response(answer)

    def _push(self, head: Head, body: bytes) -> Push:
        service, headers = self._service, head.headers
        settings = service.settings
        if not service.access.admits("push", headers.get("authorization")):
            raise Unusual
        kind = reading.content_kind(headers.get("content-type"))
        series_list = headers.get("dreamos-series-list") if kind == "values" else None
        if kind == "protobuf" or (kind == "values" and not series_list):
            raise Unusual
        return Push(
            target=target_of(head.path, settings.max_labels, settings.max_label_value),
            body=reading.decode(body, headers.get("content-encoding"), settings.max_body_bytes),
            openmetrics=kind == "openmetrics",
            replace=head.method == b"PUT",
            sequence=reading.sequence(headers.get("dreamos-sequence")),
            ttl=reading.time_to_live(headers.get("dreamos-ttl")),
            series_list=series_list,
        )

    def _response(self, answer: Answer) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second, self._date = now, formatdate(now, usegmt=True).encode()
        names = b""
        if answer.series_list:
            names = b"Dreamos-Series-List: %s\r\n" % answer.series_list.encode()
        return (
            b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: %s\r\nConnection: keep-alive\r\n"
            b"Content-Type: text/plain\r\nDreamos-Result: %s\r\n%sContent-Length: 0\r\n\r\n"
            % (self._date, answer.outcome.encode(), names)
        )
