"""gunicorn around the application: one worker with an event loop, started in this process."""

from __future__ import annotations

import logging
import os
import resource
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from services.metrics.app import create_app
from services.metrics.asgi_app import Front
from services.metrics.fastpath.push import PushPath
from services.metrics.fastpath.scrape import ScrapePath
from services.metrics.front.budget import ByteBudget
from services.metrics.front.connections import ConnectionTable, Limits
from services.metrics.front.ordinary import OrdinaryPath
from services.metrics.service import Service
from services.metrics.settings import ONE_WORKER, Settings

_log = logging.getLogger("dreamos.metrics")

GRACEFUL_SECONDS = 8
"""How long open requests may take when the service stops; below Compose's ten seconds, and above
the time after which the front itself closes what is still open."""
KEEP_ALIVE_SECONDS = 75
MAX_HEAD_FIELDS = 100
MAX_LINE_BYTES = 8_190
MAX_FIELD_BYTES = 8_190
HELD_BYTES_FACTOR = 4
"""Bodies of the largest size that may be held at once while they wait; as much again for answers."""
MIN_ANSWER_BYTES = 64 * 1024 * 1024
"""Of answers that are read slowly; a scrape of 100,000 series is 7 MB."""
SPARE_FILES = 200
"""Descriptors that are not for connections: the data file, the log, what collectors read."""


def build(settings: Settings) -> tuple[Front, Service]:
    """Build the whole application with its service, which is not yet started."""
    app = create_app(settings)
    service: Service = app.extensions["dreamos"]
    service.connections = ConnectionTable(limits(settings))
    front = Front(
        OrdinaryPath(app, service.auth, settings.threads),
        PushPath(service),
        ScrapePath(service),
        service.connections,
        ByteBudget(HELD_BYTES_FACTOR * settings.max_body_bytes),
        ByteBudget(max(MIN_ANSWER_BYTES, HELD_BYTES_FACTOR * settings.max_body_bytes)),
        settings.max_body_bytes,
    )
    return front, service


def limits(settings: Settings) -> Limits:
    """Return the limits on connections; the process cannot have more than it has descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = settings.max_connections
    if soft != resource.RLIM_INFINITY:
        most = max(1, min(most, soft - SPARE_FILES))
    return Limits(
        total=most,
        per_address=min(most, settings.max_connections_per_address),
        head=settings.head_timeout,
        body=settings.body_timeout,
        answer=settings.answer_timeout,
        idle=KEEP_ALIVE_SECONDS + settings.answer_timeout,
    )


def options(settings: Settings) -> dict[str, Any]:
    """Return the settings of gunicorn: one worker, never recycled."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    shared = Path("/dev/shm")  # noqa: S108  (gunicorn makes its own file there)
    return {
        "bind": f"{host}:{settings.port}",
        "workers": 1,
        "worker_class": "services.metrics.front.worker.FrontWorker",
        "asgi_loop": "asyncio",
        "asgi_lifespan": "off",
        "http_parser": "python",
        "max_requests": 0,
        "preload_app": False,
        "worker_tmp_dir": str(shared) if os.access(shared, os.W_OK) else None,
        "control_socket_disable": True,
        "graceful_timeout": GRACEFUL_SECONDS,
        "timeout": 60,
        "keepalive": KEEP_ALIVE_SECONDS,
        "loglevel": settings.log_level.lower(),
        "limit_request_line": MAX_LINE_BYTES,
        "limit_request_fields": MAX_HEAD_FIELDS,
        "limit_request_field_size": MAX_FIELD_BYTES,
        "proc_name": "dreamos-metrics",
    }


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn's application object; the service is made in the worker, after the fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service: Service | None = None
        super().__init__()

    def load_config(self) -> None:
        """Hand the options over; no file and no variable of gunicorn's is read."""
        for name, value in options(self._settings).items():
            self.cfg.set(name, value)
        self.cfg.set("worker_exit", self._worker_exit)
        self.cfg.set("nworkers_changed", _keep_to_one)

    def load(self) -> Front:
        """Build the application and start its service (called in the worker)."""
        level = self._settings.log_level.upper()
        form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
        logging.basicConfig(level=level, format=form)
        front, self._service = build(self._settings)
        self._service.start()
        return front

    def _worker_exit(self, _server: object, _worker: object) -> None:
        if self._service is not None:
            self._service.stop()


def _keep_to_one(server: Any, wanted: int, _before: int | None) -> None:
    """Refuse a second worker that a signal asks for."""
    if wanted != 1:
        _log.error(ONE_WORKER)
        server.num_workers = 1


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; open requests are finished first."""
    Server(settings).run()
