"""Limits on connections: how many there are, and how long each may take for what it does.

gunicorn's ``asgi`` worker limits the size of heads and the time between requests. It limits
neither the number of connections nor the time of a first head, of a whole body or of an answer;
that is done here, with the interface of :class:`asyncio.Protocol` alone.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger("dreamos.metrics.front")

SWEEP_SECONDS = 0.5
"""Pause between two looks at what takes too long."""
STOP_SECONDS = 3.0
"""How long requests may still take when the service stops; gunicorn's own limit is above it."""
CLOSING_SECONDS = 5.0
"""How long a client may take to read the last thing that it is told."""
LOG_PAUSE_SECONDS = 60.0

REASONS = ("address", "total", "head", "body", "answer")
"""Why connections are closed: too many, or a part of a request that took too long."""
_TIMEOUT = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 33\r\n\r\nthe request took too long to come"
)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 20\r\n\r\ntoo many connections"
)


class Phase(enum.Enum):
    """What a connection does."""

    FRESH = "fresh"
    """Nothing, or the head of its first request."""
    IDLE = "idle"
    """Nothing, after a request that was answered."""
    HEAD = "head"
    """The head of a further request is coming in."""
    BODY = "body"
    WORK = "work"
    ANSWER = "answer"
    CLOSING = "closing"
    """The last answer was written, and the client has not taken it yet."""


@dataclass(frozen=True)
class Limits:
    """Limits on connections.

    Args:
        total: most connections.
        per_address: most connections of one address.
        head: seconds for a head.
        body: seconds for a body.
        answer: seconds that a client may take to read its answer.
        idle: seconds between requests. gunicorn closes the connection then, but a client that does
            not read could leave it half closed for ever.
    """

    total: int
    per_address: int
    head: float
    body: float
    answer: float
    idle: float


class Connection(asyncio.Protocol):
    """A connection, around the protocol of the server that reads it.

    Args:
        inner: the server's own protocol.
        table: where all connections are known.
    """

    __slots__ = ("address", "client", "inner", "phase", "refused", "since", "table", "transport")

    def __init__(self, inner: asyncio.Protocol, table: ConnectionTable) -> None:
        self.inner = inner
        self.table = table
        self.phase = Phase.FRESH
        self.since = table.now()
        self.refused = False
        self.address = ""
        self.client: Any = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in if there is a place for it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (TCP has no other)
        self.transport = transport
        peer = transport.get_extra_info("peername") or ("unknown", id(self))
        self.client, self.address = tuple(peer[:2]), peer[0]
        if self.table.admit(self):
            self.inner.connection_made(transport)
        else:
            self.refused = True
            transport.write(_FULL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Hand on what came in; the first byte after an answer is the beginning of a head."""
        if self.refused:
            return
        if self.phase is Phase.IDLE:
            self.phase, self.since = Phase.HEAD, self.table.now()
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that the client sends no more."""
        return None if self.refused else self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place up."""
        if not self.refused:
            self.table.forget(self)
            self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand on that the client does not read as fast as it is answered."""
        if not self.refused:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client reads again."""
        if not self.refused:
            self.inner.resume_writing()

    def enter(self, phase: Phase) -> None:
        """Note what the connection does from now on."""
        if self.phase is not phase:
            self.phase, self.since = phase, self.table.now()

    def done(self) -> None:
        """Note that the request was answered."""
        self.phase, self.since = Phase.IDLE, self.table.now()
        self.table.now_idle(self)

    def give_up(self, reason: str, answer: bytes = b"") -> None:
        """Close the connection; what was not sent by then is lost."""
        self.table.closed[reason] += 1
        if answer and not self.transport.is_closing():
            self.enter(Phase.CLOSING)
            self.transport.write(answer)
            self.transport.close()
        else:
            self.transport.abort()


class _Waiting:
    """Connections that wait for a request, the first to go in front."""

    def __init__(self) -> None:
        self.fresh: dict[Connection, None] = {}
        self.idle: dict[Connection, None] = {}

    def oldest(self) -> Connection | None:
        """Return the one that is closed when there are too many."""
        return next(iter(self.fresh), None) or next(iter(self.idle), None)

    def drop(self, connection: Connection) -> None:
        self.fresh.pop(connection, None)
        self.idle.pop(connection, None)


class ConnectionTable:
    """All connections. Only for the thread of the event loop.

    When there is no place left, the one that has waited longest without a request is closed for
    the new one, those that never had a request first. So who keeps connections open to keep others
    out loses them.

    Args:
        limits: what is allowed.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.closed: Counter[str] = Counter()
        """Connections that were closed or not let in, by one of :data:`REASONS`."""
        self._all: dict[Any, Connection] = {}
        self._counts: Counter[str] = Counter()
        self._waiting = _Waiting()
        self._by_address: dict[str, _Waiting] = {}
        self._stopping_since: float | None = None
        self._logged = 0.0
        self._swept = time.monotonic()
        self._behind = 0.0

    def __len__(self) -> int:
        return len(self._all)

    def now(self) -> float:
        """Return the seconds of a clock that stands still while the service itself is late.

        What a client sent is then still unread, so the limits on its time do not count that.
        """
        return time.monotonic() - self._behind

    def of(self, client: Any) -> Connection | None:
        """Return the connection of an ASGI scope's ``client``."""
        return self._all.get(tuple(client)) if client else None

    def admit(self, new: Connection) -> bool:
        """Let a connection in, if need be in place of one that waits."""
        own = self._by_address.get(new.address)
        if self._counts[new.address] >= self.limits.per_address:
            if not self._make_place(own, "address"):
                return False
        elif len(self._all) >= self.limits.total and not self._make_place(self._waiting, "total"):
            return False
        self._all[new.client] = new
        self._counts[new.address] += 1
        self._waiting.fresh[new] = None
        self._by_address.setdefault(new.address, _Waiting()).fresh[new] = None
        return True

    def _make_place(self, among: _Waiting | None, reason: str) -> bool:
        oldest = among.oldest() if among is not None else None
        self._say(reason)
        if oldest is None:
            self.closed[reason] += 1
            return False
        self.forget(oldest)
        oldest.give_up(reason)
        return True

    def _say(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._logged > LOG_PAUSE_SECONDS:
            self._logged = now
            whose = "of one address" if reason == "address" else "in all"
            _log.warning("too many connections %s; those that wait longest are closed", whose)

    def forget(self, old: Connection) -> None:
        """Take a connection out; one that is not there changes nothing."""
        if self._all.get(old.client) is not old:
            return
        del self._all[old.client]
        self._waiting.drop(old)
        own = self._by_address[old.address]
        own.drop(old)
        self._counts[old.address] -= 1
        if not self._counts[old.address]:
            del self._counts[old.address], self._by_address[old.address]

    def busy(self, connection: Connection) -> None:
        """Note that a request of the connection has begun."""
        connection.enter(Phase.BODY)
        self._waiting.drop(connection)
        own = self._by_address.get(connection.address)
        if own is not None:
            own.drop(connection)

    def now_idle(self, connection: Connection) -> None:
        """Note that a connection waits for its next request."""
        if self._all.get(connection.client) is connection:
            self._waiting.idle[connection] = None
            self._by_address[connection.address].idle[connection] = None

    def sweep(self, stopping: bool = False) -> None:
        """Close what takes too long.

        Args:
            stopping: close what waits, and everything else after :data:`STOP_SECONDS`.
        """
        self._notice_lateness()
        now = self.now()
        if stopping and self._stopping_since is None:
            self._stopping_since = time.monotonic()
        for connection in list(self._all.values()):
            late = self._late(connection, now - connection.since)
            if late is not None:
                connection.give_up(late, b"" if late == "answer" else _TIMEOUT)
            elif stopping:
                self._stop(connection, time.monotonic())

    def _notice_lateness(self) -> None:
        """Count how much later than it should this sweep comes; the event loop was held up."""
        began = time.monotonic()
        self._behind += max(0.0, began - self._swept - SWEEP_SECONDS)
        self._swept = began

    def _late(self, connection: Connection, seconds: float) -> str | None:
        phase, limits = connection.phase, self.limits
        if phase in (Phase.FRESH, Phase.HEAD):
            return "head" if seconds > limits.head else None
        if phase is Phase.BODY:
            return "body" if seconds > limits.body else None
        if phase is Phase.ANSWER:
            return "answer" if seconds > limits.answer else None
        if phase is Phase.CLOSING:
            return "answer" if seconds > CLOSING_SECONDS else None
        return "answer" if phase is Phase.IDLE and seconds > limits.idle else None

    def _stop(self, connection: Connection, now: float) -> None:
        assert self._stopping_since is not None  # noqa: S101  (set by the caller)
        if connection.phase in (Phase.FRESH, Phase.IDLE):
            connection.transport.close()
        elif now - self._stopping_since > STOP_SECONDS:
            connection.transport.abort()


def guarded(
    factory: Callable[[], asyncio.Protocol], table: ConnectionTable
) -> Callable[[], Connection]:
    """Return a factory of connections around the protocols that ``factory`` makes."""
    return lambda: Connection(factory(), table)
