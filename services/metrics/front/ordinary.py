"""The ordinary path: the Flask application behind an adapter, in a bounded pool of threads.

A thread gets a request whose body is whole, and gives its answer back as a whole. So a client that
sends or reads slowly holds none of them.
"""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from a2wsgi.wsgi import WSGIResponder, build_environ
from flask import Flask

from services.metrics.auth import Authenticator
from services.metrics.front.asgi import Answer, Scope
from services.metrics.front.body import Body
from services.metrics.front.tarpit import Tarpit

BODY = "dreamos.body"
"""Where a request's body stands in the WSGI environ."""
ASKING_THREADS = 4


class OrdinaryPath:
    """Answers every request by the Flask application.

    Args:
        app: the Flask application.
        auth: who may do what.
        threads: how many pushes are worked on at once; the others wait. What only asks has threads
            of its own, so that a health check does not wait behind pushes.
    """

    def __init__(self, app: Flask, auth: Authenticator, threads: int) -> None:
        self._app = app
        self._auth = auth
        self._pushing = ThreadPoolExecutor(threads, "push")
        self._asking = ThreadPoolExecutor(ASKING_THREADS, "ask")
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
        threads = self._asking if scope["method"] in ("GET", "HEAD") else self._pushing
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(threads, _call, self._app, scope, body)
        pause = self._tarpit.pause(scope["raw_path"], answer.status)
        if pause:
            await asyncio.sleep(pause)
        return answer


class _Responder(WSGIResponder):
    """a2wsgi's responder, which hands the whole answer back.

    Its own ``send`` asks the event loop for each message and waits: three times the way between
    thread and loop for each request, and a thread for each client that reads slowly.
    """

    def __init__(self) -> None:
        self.response_started = False
        self.exc_info = None
        self.answer = Answer(500, [])
        self.pieces: list[bytes] = []

    def send(self, message: Any) -> None:
        """Keep a message."""
        if message["type"] == "http.response.start":
            self.answer = Answer(message["status"], list(message["headers"]), self.pieces)
        elif message.get("body"):
            self.pieces.append(message["body"])


def _call(app: Flask, scope: Scope, body: Body) -> Answer:
    """Let the application answer a request whose body is whole; for a thread."""
    scope = {**scope, **_target(scope["raw_path"])}
    environ: dict[str, Any] = {
        **build_environ(cast(Any, scope), cast(Any, None)),
        BODY: body,
        "wsgi.input": io.BytesIO(body.content),
        "CONTENT_LENGTH": str(len(body.content)),
        "RAW_URI": scope["raw_path"].decode("latin-1"),
    }
    responder = _Responder()
    responder.app = cast(Any, app)
    responder.wsgi(cast(Any, environ), cast(Any, responder.start_response))
    return responder.answer


def _target(raw_path: bytes) -> dict[str, Any]:
    """Return the path of a request target, also of one with scheme and host in front."""
    if raw_path.startswith(b"/"):
        return {}
    path = urlsplit(raw_path.decode("latin-1")).path or "/"
    return {"raw_path": path.encode("latin-1"), "path": unquote(path)}
