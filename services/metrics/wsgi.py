"""What a WSGI server loads: the settings come from the environment, and from nowhere else."""

from __future__ import annotations

from flask import Flask

from services.metrics.app import create_app
from services.metrics.settings import Settings


def application() -> Flask:
    """Return the application with its service started."""
    app = create_app(Settings.from_env())
    app.extensions["dreamos"].start()
    return app
