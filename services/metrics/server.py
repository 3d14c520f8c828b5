"""gunicorn around the application: one worker with threads, started in this process."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from services.metrics.app import create_app
from services.metrics.settings import Settings


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn's application object; the service is made in the worker, after the fork."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._settings = settings
        self._options = options
        self._app: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        """Hand the options over; no file and no variable of gunicorn's is read."""
        for name, value in self._options.items():
            self.cfg.set(name, value)
        self.cfg.set("worker_exit", self._worker_exit)

    def load(self) -> Flask:
        """Build the application and start its service (called in the worker)."""
        level = self._settings.log_level.upper()
        form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
        logging.basicConfig(level=level, format=form)
        self._app = create_app(self._settings)
        self._app.extensions["dreamos"].start()
        return self._app

    def _worker_exit(self, _server: object, _worker: object) -> None:
        if self._app is not None:
            self._app.extensions["dreamos"].stop()


def run(settings: Settings, options: dict[str, Any]) -> None:
    """Serve until SIGINT or SIGTERM; open requests are finished first."""
    Server(settings, options).run()
