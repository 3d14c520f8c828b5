"""GET /health, /-/healthy and /-/ready: open to everybody, for they reveal nothing."""

from __future__ import annotations

import time

from flask import Blueprint, Response, jsonify

from services.metrics import __version__
from services.metrics.routes.context import service

blueprint = Blueprint("status", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Show the overall status and each component; 503 when unhealthy."""
    status, components = service().health.report()
    response = jsonify(
        status=status,
        version=__version__,
        uptime_seconds=round(time.time() - service().started, 3),
        components={name: component.as_json() for name, component in components.items()},
    )
    response.status_code = 503 if status == "unhealthy" else 200
    return response


@blueprint.get("/-/healthy")
def healthy() -> Response:
    """Say that the process answers."""
    return Response("the service is alive\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/-/ready")
def ready() -> Response:
    """Say whether pushes and scrapes are served: 503 when something that they need is unhealthy."""
    bad = service().health.unready()
    if bad:
        text = "not ready: " + ", ".join(bad)
        return Response(text + "\n", 503, content_type="text/plain; charset=utf-8")
    return Response("ready\n", content_type="text/plain; charset=utf-8")
