"""gunicorn's threaded worker, with a fast lane for what arrives most: pushes that repeat.

gunicorn hands every request of a kept-alive connection to a thread and back, which costs more
than the push itself. Here the event loop reads such a request as it arrives, and answers it if
the fast lane takes it; everything else is handed to a thread with the bytes that were read.
"""

from __future__ import annotations

import sys
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from services.metrics.lane import MAX_BODY, MAX_HEAD, Lane, Unusual, head_of

SWITCH = 0.0005
"""Seconds after which a thread that reads a large body lets the event loop go on."""
_CHUNK = MAX_BODY + MAX_HEAD


class PushWorker(ThreadWorker):  # type: ignore[misc]
    """One process, a pool of threads, and an event loop that answers repeated pushes itself."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lane: Lane | None = None
        self._partial: dict[int, bytes] = {}

    def load_wsgi(self) -> None:
        """Load the application, and open the fast lane of its service."""
        super().load_wsgi()
        sys.setswitchinterval(SWITCH)
        self._lane = Lane(self.wsgi.extensions["dreamos"])

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Read what has arrived on a kept-alive connection and answer it, or hand it on."""
        raw = self._partial.pop(id(conn), b"")
        try:
            more = conn.sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            self._partial[id(conn)] = raw
            return
        except OSError:
            more = b""
        raw += more
        if more and self.alive and self._take(conn, raw):
            return
        if raw:
            conn.parser.unreader.unread(raw)
        super().on_client_socket_readable(conn, client)

    def _take(self, conn: Any, raw: bytes) -> bool:
        """Answer the request, or keep it if it is not complete; False hands it on."""
        if self._lane is None:
            return False
        try:
            head = head_of(raw)
            if head is None or len(raw) < head.end:
                self._partial[id(conn)] = raw
                return True
            if len(raw) > head.end:
                return False
            answer = self._lane.answer(head, raw[head.start : head.end], conn.client[0])
        except Unusual:
            return False
        try:
            sent = conn.sock.send(answer)
            if sent < len(answer):
                conn.sock.setblocking(True)
                conn.sock.sendall(answer[sent:])
                conn.sock.setblocking(False)
        except OSError:
            self._hang_up(conn)
            return True
        self.keepalived_conns.remove(conn)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        return True

    def _hang_up(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections that were silent for too long, and forget what they had begun."""
        super().murder_keepalived(force)
        if self._partial:
            alive = {id(conn) for conn in self.keepalived_conns}
            self._partial = {key: raw for key, raw in self._partial.items() if key in alive}
