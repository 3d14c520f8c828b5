"""Middleware that measures every request: WSGI (Flask, …) and ASGI (FastAPI, Starlette, …).

    middleware.instrument_flask(app)                    # Flask
    app.add_middleware(middleware.ASGIMiddleware)       # FastAPI, Starlette

Requests are told apart by the template of their route (`/users/<int:id>`), never by the path that
was asked for: a path has no bound, and may hold what nobody should see. A request that no route
takes is `(none)`. The duration runs until the application has handed over the last piece of its answer:
of one that is whole that is its return, of a stream the last step, or the end of whoever reads it.

Exported: `dreamos_http_request_duration_seconds{method,route,status}` (status `2xx` to `5xx`) and
`dreamos_http_requests_in_progress`. An exception of the application counts as `5xx` and passes on.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from dreamos_metrics.instrumentation.capped_label import CappedLabel
from dreamos_metrics.instrumentation.route_templates import NO_ROUTE, starlette_route
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import Histogram

if TYPE_CHECKING:
    from flask import Flask, Response

__all__ = ["ASGIMiddleware", "WSGIMiddleware", "instrument_flask"]

Environ = dict[str, Any]
WSGIApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Where a WSGI application may put the template of its route, in the environ.
ROUTE_KEY = "dreamos.route"
#: Where it may say that its answer is whole: nothing has to be made any more to send it.
WHOLE_KEY = "dreamos.whole"

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)

_seconds = Histogram(
    "dreamos_http_request_duration_seconds",
    "How long requests took, by method, template of the route and class of the status",
    ["method", "route", "status"],
    buckets=BUCKETS_SECONDS,
)
_in_progress = Gauge("dreamos_http_requests_in_progress", "Requests that are being answered")
_route = CappedLabel("route", cap=200)


class _Request:
    """One request, from its arrival to its end; ending it twice is ending it once."""

    def __init__(self, method: object) -> None:
        self.status = 500
        self._method = method if method in _METHODS else "other"
        self._open = True
        self._start = time.perf_counter()
        _in_progress.inc()

    def end(self, route: Callable[[], str | None]) -> None:
        """Record it under the route that `route` names."""
        if not self._open:
            return
        self._open = False
        _in_progress.dec()
        try:
            name = route() or NO_ROUTE
            status = f"{min(max(self.status // 100, 1), 5)}xx"
            _seconds.labels(self._method, _route(name), status).observe(
                time.perf_counter() - self._start
            )
        except Exception as error:  # noqa: BLE001 - a request must not fail for its metrics
            record_error("middleware", type(error).__name__)


class WSGIMiddleware:
    """Wrap any WSGI application.

    `route` returns the template of a request's route from its environ, after the request was
    answered; without it, what the application put under `environ["dreamos.route"]` counts.
    """

    def __init__(self, app: WSGIApp, route: Callable[[Environ], str | None] | None = None) -> None:
        self._app = app
        self._find_route = route or (lambda environ: environ.get(ROUTE_KEY))

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        request = _Request(environ.get("REQUEST_METHOD"))

        def end() -> None:
            request.end(lambda: self._find_route(environ))

        def started(status: str, *args: Any, **kwargs: Any) -> Any:
            if status[:3].isdigit():
                request.status = int(status[:3])
            return start_response(status, *args, **kwargs)

        try:
            body = self._app(environ, started)
        except BaseException:
            request.status = 500
            end()
            raise
        if isinstance(body, (list, tuple)) or environ.get(WHOLE_KEY) or _is_file(body, environ):
            end()
            return body  # unwrapped: a server looks at its length, or hands a file to the kernel
        return _Body(body, request, end)


class _Body:
    """Body of an answer that is made while it is read; it tells when it is through."""

    def __init__(self, body: Iterable[bytes], request: _Request, end: Callable[[], None]) -> None:
        self._body = body
        self._request = request
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception:
            self._request.status = 500
            raise
        finally:
            self._end()

    def close(self) -> None:
        """Close the application's own iterator and record the request."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._end()


def _is_file(body: object, environ: Environ) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def instrument_flask(app: Flask) -> None:
    """Measure every request of a Flask application by its URL rules; twice is once.

    Call it before the first request.
    """
    if "dreamos_metrics" in app.extensions:
        return
    app.extensions["dreamos_metrics"] = True
    from flask import request  # the library does not depend on Flask

    def note_rule(endpoint: str | None, values: MutableMapping[str, Any] | None) -> None:
        # This hook runs before any function of the application that may answer by itself.
        if request.url_rule is not None:
            request.environ[ROUTE_KEY] = request.url_rule.rule

    def note_whole(response: Response) -> Response:
        # Nobody has to close such an answer, or to read it, as a test client may not.
        no_body = request.method == "HEAD" or response.status_code in (204, 304)
        # Werkzeug's own error pages look like streams, but for their length.
        error_page = response.status_code >= 400 and response.content_length is not None
        request.environ[WHOLE_KEY] = no_body or error_page or not response.is_streamed
        return response

    app.url_value_preprocessor(note_rule)
    app.after_request(note_whole)
    app.wsgi_app = WSGIMiddleware(app.wsgi_app)  # type: ignore[method-assign]


class ASGIMiddleware:
    """Wrap any ASGI application; lifespan and WebSocket traffic passes untouched.

    `route` returns the template of a request's route from its scope, after the request was
    answered; without it the routes of a Starlette or FastAPI application are found.
    """

    def __init__(self, app: ASGIApp, route: Callable[[Scope], str | None] | None = None) -> None:
        self._app = app
        self._find_route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope.get("method"))
        asked = dict(scope)  # routing changes the scope in place
        started = False

        def end() -> None:
            request.end(lambda: self._route(asked, scope))

        async def note(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                request.status = int(message["status"])
                started = True
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                end()  # what the application still does in the background is no part of the answer

        try:
            await self._app(scope, receive, note)
        except Exception:
            request.status = 500
            raise
        except BaseException:  # cancelled: the client went away before there was an answer
            if not started:
                request.status = 499
            raise
        finally:
            end()

    def _route(self, asked: Scope, scope: Scope) -> str | None:
        if self._find_route is not None:
            return self._find_route(scope)
        # Inside the application the scope names it; a mounted one later puts itself in its place.
        return starlette_route(asked.get("app", self._app), asked)
