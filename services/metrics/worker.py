"""gunicorn's threaded worker, with fast lanes for what arrives most: repeated pushes, and scrapes.

gunicorn hands every request of a kept-alive connection to a thread and back, which costs more
than the push itself. Here the event loop reads such a request as it arrives, and answers it if
the fast lane takes it. A scrape is answered in a thread, and so is everything else, by the
routes, which are given the bytes that were read.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from services.metrics.fastpath.head import MAX_BODY, MAX_HEAD, Answers, Head, Unusual, head_of
from services.metrics.fastpath.push import PushLane
from services.metrics.fastpath.scrape import ScrapeLane

SWITCH = 0.0001
"""Seconds after which a busy thread lets the event loop go on, and the other way round."""
READERS = 8
"""Scrapes at once on kept connections. They have threads of their own, so that Prometheus does not
wait behind pushes that are slow to read."""
MAX_PARTIAL = 16 * 1024 * 1024
"""Bytes of all requests that have come in only in part."""
_CHUNK = MAX_BODY + MAX_HEAD


class _Arriving:
    """A request of which a part has come in."""

    __slots__ = ("head", "raw")

    def __init__(self) -> None:
        self.raw = bytearray()
        self.head: Head | None = None

    def whole(self) -> bool:
        """Tell whether all of it is there.

        Raises:
            Unusual: it is not for a fast lane.
        """
        if self.head is None:
            self.head = head_of(self.raw)
        if self.head is not None and len(self.raw) > self.head.end:
            raise Unusual
        return self.head is not None and len(self.raw) == self.head.end


class MetricsWorker(ThreadWorker):  # type: ignore[misc]
    """One process, a pool of threads, and an event loop that knows pushes and scrapes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lanes: tuple[PushLane, ScrapeLane] | None = None
        self._partial: dict[int, _Arriving] = {}
        self._readers = ThreadPoolExecutor(READERS, "scrape")

    def load_wsgi(self) -> None:
        """Load the application, and open the fast lanes of its service."""
        super().load_wsgi()
        sys.setswitchinterval(SWITCH)
        service, answers = self.wsgi.extensions["dreamos"], Answers()
        self._lanes = PushLane(service, answers), ScrapeLane(service, answers)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Read what has arrived on a kept-alive connection and answer it, or hand it on."""
        arriving = self._partial.pop(id(conn), None) or _Arriving()
        try:
            more = conn.sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            self._partial[id(conn)] = arriving
            return
        except OSError:
            more = b""
        arriving.raw += more
        if more and self.alive and self._take(conn, arriving):
            return
        if arriving.raw:
            conn.parser.unreader.unread(bytes(arriving.raw))
        super().on_client_socket_readable(conn, client)

    def _take(self, conn: Any, arriving: _Arriving) -> bool:
        """Answer the request, or keep it if it is not complete; False hands it on."""
        if self._lanes is None:
            return False
        pushes, scrapes = self._lanes
        try:
            if not arriving.whole():
                return self._keep(conn, arriving)
            head = arriving.head
            if head is None:
                return False
            if head.method == b"GET":
                return self._hand_over(conn, head, bytes(arriving.raw), scrapes)
            answer = pushes.answer(head, bytes(arriving.raw[head.start :]))
        except Unusual:
            return False
        except Exception:  # an error in one request must not end the event loop
            self.log.exception("a push could not be answered in its fast lane")
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

    def _hand_over(self, conn: Any, head: Head, raw: bytes, lane: ScrapeLane) -> bool:
        """Let a thread answer a scrape."""
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        task = self._readers.submit(self._scrape, conn, head, raw, lane)
        task.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )
        return True

    def _scrape(self, conn: Any, head: Head, raw: bytes, lane: ScrapeLane) -> Any:
        """Answer a scrape; False closes the connection."""
        conn.sock.setblocking(True)
        try:
            lane.answer(head, conn.sock)
        except Unusual:
            conn.parser.unreader.unread(raw)
            return self.handle(conn)
        except OSError:
            return False
        except Exception:  # gunicorn would close the connection without a word
            self.log.exception("a scrape could not be answered in its fast lane")
            return False
        return True

    def _keep(self, conn: Any, arriving: _Arriving) -> bool:
        """Wait for the rest, unless those who send slowly fill the memory together."""
        if sum(len(other.raw) for other in self._partial.values()) > MAX_PARTIAL:
            return False
        self._partial[id(conn)] = arriving
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
            self._partial = {
                key: arriving for key, arriving in self._partial.items() if key in alive
            }
