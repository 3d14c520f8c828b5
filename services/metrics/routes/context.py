"""What every route needs: the service, who may ask it, and the answer to a rejected request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from flask import Response, current_app, g, request

from services.metrics.errors import Rejected
from services.metrics.protocol.origin import check_origin
from services.metrics.service import Service

_log = logging.getLogger("dreamos.metrics.auth")
_P = ParamSpec("_P")


def service() -> Service:
    """Return the service that the application belongs to."""
    return cast(Service, current_app.extensions["dreamos"])


def requires(kind: str) -> Callable[[Callable[_P, Response]], Callable[_P, Response]]:
    """Let only those use a route who may ``push`` or ``read``.

    Args:
        kind: ``push`` or ``read``.
    """

    def decorate(route: Callable[_P, Response]) -> Callable[_P, Response]:
        @wraps(route)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> Response:
            require(kind)
            return route(*args, **kwargs)

        return guarded

    return decorate


def require(kind: str) -> None:
    """Let the request pass if it may ``push`` or ``read``; its token is then ``g.token``.

    Raises:
        Rejected: ``unauthorized``, ``throttled`` or ``origin``.
    """
    running = service()
    address = request.remote_addr or "unknown"
    if not running.auth.needs_token(kind):
        hosts = running.settings.allowed_hosts
        check_origin(request.headers.get("Host"), request.headers.get("Origin"), hosts)
    try:
        g.token = running.auth.check(kind, request.headers.get("Authorization"), address)
    except Rejected as rejection:
        running.metrics.auth_failures.labels(kind).inc()
        if rejection.reason == "unauthorized":  # what is throttled would only fill the log
            _log.warning("refused to %s: %s (from %s)", kind, rejection.message, address)
        raise


def rejected(rejection: Rejected) -> Response:
    """Answer a rejected request: the status, and the reason as plain text."""
    g.rejection = rejection  # for the audit log
    service().count_rejection(rejection, push=request.method in ("PUT", "POST", "DELETE"))
    response = Response(
        f"{rejection}\n", rejection.status, content_type="text/plain; charset=utf-8"
    )
    if rejection.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="dreamos", Basic realm="dreamos"'
    if rejection.status == 429:
        response.headers["Retry-After"] = "60"
    if rejection.reason == "busy":
        response.headers["Retry-After"] = "5"
    return response
