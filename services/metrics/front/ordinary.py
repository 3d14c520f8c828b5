"""The ordinary path: the Flask application behind an adapter, in a bounded pool of threads.

A thread gets a request whose body is whole, and gives its answer back as a whole. So a client that
sends or reads slowly holds none of them.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from a2wsgi import WSGIMiddleware
from flask import Flask

from services.metrics.auth import Authenticator
from services.metrics.front.asgi import Answer, Headers, Scope
from services.metrics.front.body import Body
from services.metrics.front.tarpit import Tarpit

BODY = "dreamos.body"
"""Where a request's body stands, in the ASGI scope and in the WSGI environ."""


class OrdinaryPath:
    """Answers every request by the Flask application.

    Args:
        app: the Flask application.
        auth: who may do what.
        threads: how many requests are worked on at once; the others wait.
    """

    def __init__(self, app: Flask, auth: Authenticator, threads: int) -> None:
        self._auth = auth
        self._adapter = WSGIMiddleware(cast(Any, _with_whole_body(app)), workers=threads)
        self._tarpit = Tarpit()

    def takes_body(self, scope: Scope) -> bool:
        """Tell whether the body is of any use; one without the right token is not."""
        if scope["method"] not in ("PUT", "POST", "PATCH"):
            return False
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        header = given[0].decode("latin-1") if given else None
        return self._auth.admits("push", header) is not None

    async def answer(self, scope: Scope, body: Body) -> Answer:
        """Let the application answer."""
        scope = {**scope, **_target(scope["raw_path"]), BODY: body}
        status, headers, pieces = 500, Headers(), list[bytes]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            elif message.get("body"):
                pieces.append(message["body"])

        await self._adapter(cast(Any, scope), cast(Any, receive), cast(Any, send))
        pause = self._tarpit.pause(scope["raw_path"], status)
        if pause:
            await asyncio.sleep(pause)
        return Answer(status, headers, pieces)


def _target(raw_path: bytes) -> dict[str, Any]:
    """Return the path of a request target, also of one with scheme and host in front."""
    if raw_path.startswith(b"/"):
        return {}
    path = urlsplit(raw_path.decode("latin-1")).path or "/"
    return {"raw_path": path.encode("latin-1"), "path": unquote(path)}


def _with_whole_body(app: Flask) -> Any:
    """Give the application what the adapter does not: the whole body, and the path as it came."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        scope = environ["asgi.scope"]
        environ[BODY] = scope[BODY]
        environ["wsgi.input"] = io.BytesIO(scope[BODY].content)
        environ["CONTENT_LENGTH"] = str(len(scope[BODY].content))
        environ["RAW_URI"] = scope["raw_path"].decode("latin-1")
        return app(environ, start_response)

    return application
