"""What every route needs: the service behind the request, and the answer to a refused one."""

from __future__ import annotations

import logging
from typing import cast

from flask import Response, current_app, g, request

from services.metrics.errors import Rejected
from services.metrics.service import Service

_log = logging.getLogger("dreamos.metrics.access")


def service() -> Service:
    """Return the service that the application belongs to."""
    return cast(Service, current_app.extensions["dreamos"])


def require(kind: str) -> None:
    """Let the request pass if it may ``push`` or ``read``.

    Raises:
        Rejected: ``unauthorized`` or ``throttled``; it is counted and logged here.
    """
    running = service()
    address = request.remote_addr or "unknown"
    try:
        running.access.check(kind, request.headers.get("Authorization"), address)
    except Rejected as refusal:
        running.metrics.auth_failures.labels(kind).inc()
        if refusal.reason == "unauthorized":  # what is throttled would only fill the log
            _log.warning("refused to %s: %s (from %s)", kind, refusal.message, address)
        raise


def refused(refusal: Rejected) -> Response:
    """Answer a refused request: the status, and the reason as plain text."""
    g.refusal = refusal  # for the audit log
    service().count_refusal(refusal, push=request.method in ("PUT", "POST", "DELETE"))
    response = Response(f"{refusal}\n", refusal.status, content_type="text/plain; charset=utf-8")
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="dreamos", Basic realm="dreamos"'
    if refusal.status == 429:
        response.headers["Retry-After"] = "60"
    return response
