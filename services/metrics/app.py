"""The Flask application: the routes around one service."""

from __future__ import annotations

from flask import Flask, Response

from services.metrics import audit
from services.metrics.routes import api, push, runbooks, scrape, status, status_page
from services.metrics.service import Service
from services.metrics.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Build the application and the service behind it.

    Args:
        settings: what was chosen.

    Returns:
        The application; its service is ``app.extensions["dreamos"]``, not yet started.

    Raises:
        TokenFileError: a configured token file cannot be used.
    """
    app = Flask("services.metrics", static_folder=None)
    app.url_map.merge_slashes = False
    app.extensions["dreamos"] = Service(settings)
    for module in (api, push, runbooks, scrape, status, status_page):
        app.register_blueprint(module.blueprint)
    audit.watch(app)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(405, _wrong_method)
    return app


def _not_found(_error: Exception) -> Response:
    text = (
        "not found; there are /, /runbooks/, /metrics, /metrics/file, /health, /-/healthy and "
        "/-/ready\n"
    )
    return Response(text, 404, content_type="text/plain; charset=utf-8")


def _wrong_method(error: Exception) -> Response:
    response = Response("method not allowed\n", 405, content_type="text/plain; charset=utf-8")
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response
