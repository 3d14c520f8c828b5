"""GET /health, /-/healthy and /-/ready: open to everybody, who is told no more than needed."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, jsonify, request

from services.metrics import __version__
from services.metrics.routes.context import service

blueprint = Blueprint("status", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Show the overall status, 503 when unhealthy; each component to those who may read."""
    running = service()
    status, components = running.health.report()
    shown: dict[str, Any] = {"status": status}
    if running.auth.admits("read", request.headers.get("Authorization")) is not None:
        shown |= {
            "version": __version__,
            "uptime_seconds": round(time.time() - running.started, 3),
            "components": {name: component.as_json() for name, component in components.items()},
        }
    response = jsonify(shown)
    response.status_code = 503 if status == "unhealthy" else 200
    return response


@blueprint.get("/-/healthy")
def healthy() -> Response:
    """Say that the process answers."""
    return Response("the service is alive\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/-/ready")
def ready() -> Response:
    """Say whether pushes and scrapes are served: 503 when a part of the service is unhealthy."""
    status, components = service().health.readiness()
    if status == "unhealthy":
        bad = sorted(name for name, c in components.items() if c.status == "unhealthy")
        text = "not ready: " + ", ".join(bad)
        return Response(text + "\n", 503, content_type="text/plain; charset=utf-8")
    return Response("ready\n", content_type="text/plain; charset=utf-8")
