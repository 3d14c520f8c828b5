"""The Flask application: the routes around one service."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from services.metrics import audit
from services.metrics.errors import Rejected
from services.metrics.routes import api, push, runbooks, scrape, status, status_page
from services.metrics.routes.context import rejected
from services.metrics.service import Service
from services.metrics.settings import Settings

_TEXT = "text/plain; charset=utf-8"


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
    app.url_map.converters["rest_of_path"] = push.RestOfPath
    service = Service(settings)
    app.extensions["dreamos"] = service
    for module in (api, push, runbooks, scrape, status, status_page):
        app.register_blueprint(module.blueprint)
    app.after_request(_guard)
    app.after_request(audit.Watch(service.audit, service.auth.redact).after)
    app.register_error_handler(Rejected, rejected)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(405, _wrong_method)
    return app


def _guard(response: Response) -> Response:
    """Let no browser take an answer for something else than it says it is."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def _not_found(_error: HTTPException) -> Response:
    text = (
        "not found; there are /, /runbooks/, /metrics, /metrics/file, /health, /-/healthy and "
        "/-/ready\n"
    )
    return Response(text, 404, content_type=_TEXT)


def _wrong_method(error: HTTPException) -> Response:
    allowed = sorted(getattr(error, "valid_methods", None) or ())
    text = "method not allowed\n"
    if "PUT" not in allowed:
        text += "a push goes to /metrics/job/<job>{/<label>/<value>}\n"
    response = Response(text, 405, content_type=_TEXT)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response
