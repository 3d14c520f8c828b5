"""The observer's own HTTP interface, for the stack in which it is a part of its own.

``/metrics`` for Prometheus, ``/health`` for the metrics service, ``/-/healthy`` and ``/-/ready`` for
the container. Nothing can be sent to it: every path is read only, and no body is looked at.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from prometheus_client.core import Metric

from services.metrics import __version__
from services.metrics.auth import Authenticator
from services.metrics.errors import Rejected
from services.metrics.exposition.negotiate import CONTENT_TYPES, choose
from services.metrics.exposition.scrape import Exposition
from services.metrics.health import Health
from services.metrics.observer.supervisor import Collectors
from services.metrics.series.view import View
from services.metrics.settings import Settings
from services.metrics.store.internal_metrics import LocalSource
from services.metrics.store.views import ViewKey

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, str, bytes]

TEXT = "text/plain; charset=utf-8"
CHALLENGE = (b"www-authenticate", b'Bearer realm="dreamos", Basic realm="dreamos"')


class Observer:
    """The collectors, what they said last, and the ASGI application that shows it.

    Args:
        settings: which collectors run; ``read_token_file`` guards what they found.

    Raises:
        TokenFileError: the token file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._auth = Authenticator(None, settings.read_token_file, settings.max_auth_failures)
        self._collectors = Collectors(self.sink, settings, _log_reload)
        self._health = Health()
        for name, check in self._collectors.components().items():
            self._health.register(name, check)
        self._lock = threading.Lock()
        self._sources: dict[str, LocalSource] = {}
        self._views: dict[ViewKey, View] = {}
        self._exposition = Exposition(self._shown)
        self._started = time.time()

    def start(self) -> None:
        """Start collecting."""
        self._collectors.start()

    def stop(self) -> None:
        """Stop collecting; a second call does nothing."""
        self._collectors.stop()

    def sink(self, name: str, families: Iterable[Metric]) -> None:
        """Take what a collector found, in place of what it said before."""
        with self._lock:
            part = self._sources.setdefault(name, LocalSource()).replace(families)
            self._views["local", name] = View("", part.series, part.values)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and end (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, kind, body = await asyncio.to_thread(self._answer, scope)
            headers = [
                (b"content-type", kind.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            headers += [CHALLENGE] if status == 401 else []
            await send({"type": "http.response.start", "status": status, "headers": headers})
            shown = b"" if scope["method"] == "HEAD" else body
            await send({"type": "http.response.body", "body": shown})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            event = (await receive())["type"]
            if event == "lifespan.startup":
                self.start()
            else:
                await asyncio.to_thread(self.stop)
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return

    def _answer(self, scope: Scope) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            return 405, TEXT, b"method not allowed\n"
        pages: dict[str, Callable[[Scope], Answer]] = {
            "/metrics": self._metrics,
            "/health": self._report,
            "/-/healthy": lambda _: (200, TEXT, b"the observer is alive\n"),
            "/-/ready": lambda _: (200, TEXT, b"ready\n"),
        }
        page = pages.get(scope["path"])
        if page is None:
            return 404, TEXT, f"not found; there are {', '.join(pages)}\n".encode()
        return page(scope)

    def _metrics(self, scope: Scope) -> Answer:
        address = (scope.get("client") or ("unknown",))[0]
        try:
            self._auth.check("read", _header(scope, b"authorization"), address)
        except Rejected as refusal:
            return refusal.status, TEXT, f"{refusal}\n".encode()
        form = choose(_header(scope, b"accept"))
        return 200, CONTENT_TYPES[form], self._exposition.render(form).take()

    def _report(self, scope: Scope) -> Answer:
        status, components = self._health.report()
        found: dict[str, Any] = {"status": status}
        if self._auth.admits("read", _header(scope, b"authorization")):
            found["version"] = __version__
            found["uptime_seconds"] = round(time.time() - self._started, 3)
            found["components"] = {name: c.as_json() for name, c in components.items()}
        body = json.dumps(found).encode() + b"\n"
        return 503 if status == "unhealthy" else 200, "application/json", body

    def _shown(self) -> dict[ViewKey, View]:
        with self._lock:
            return dict(self._views)


def _log_reload(what: str, outcome: str, reason: str) -> None:
    log.info("%s read again, %s: %s", what, outcome, reason)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key.lower() == name:
            return str(value.decode("latin-1"))
    return None
