"""``python -m services.metrics.observer``: the observer as a part of its own.

The settings are those of the metrics service (``METRICS_HOST``, ``METRICS_PORT``, ``METRICS_DATA_DIR``,
``METRICS_READ_TOKEN_FILE``, and all that choose what is watched).
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from services.metrics.observer.app import Observer
from services.metrics.settings import BadSetting, Settings
from services.metrics.store.data_dir_lock import DataDirLockedError, claim
from services.metrics.tokens import TokenFile, TokenFileError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAX_CONNECTIONS = 1_000
GRACEFUL_SECONDS = 5


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn's application object; the observer is made in the worker, after the fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand the options over; no file and no variable of gunicorn's is read."""
        for name, value in options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Observer:
        """Make the observer (called in the worker); the server's lifespan starts and stops it."""
        return Observer(self._settings)


def options(settings: Settings) -> dict[str, Any]:
    """Return the settings of gunicorn: one worker, few connections."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    shared = Path("/dev/shm")  # noqa: S108  (gunicorn makes its own file there)
    return {
        "bind": f"{host}:{settings.port}",
        "workers": 1,
        "worker_class": "asgi",
        "worker_connections": MAX_CONNECTIONS,
        "worker_tmp_dir": str(shared) if os.access(shared, os.W_OK) else None,
        "control_socket_disable": True,
        "graceful_timeout": GRACEFUL_SECONDS,
        "loglevel": settings.log_level.lower(),
        "proc_name": "dreamos-observer",
    }


def checked(settings: Settings) -> Settings:
    """Return the settings if an observer can run with them.

    Raises:
        BadSetting: other machines could read what it finds, and no token is configured.
        TokenFileError: the token file cannot be used.
    """
    if settings.read_token_file is not None:
        TokenFile(settings.read_token_file)
    elif settings.host not in LOOPBACK:
        raise BadSetting(
            f"METRICS_HOST={settings.host} can be reached from other machines: configure "
            "METRICS_READ_TOKEN_FILE, or leave METRICS_HOST at 127.0.0.1"
        )
    return settings


def main() -> int:
    """Run until a signal comes; return the exit status."""
    try:
        settings = checked(Settings.from_env())
        lock = claim(settings.data_dir)
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"observer: cannot use the data folder: {reason}", file=sys.stderr)
        return 2
    except (BadSetting, TokenFileError, DataDirLockedError) as error:
        print(f"observer: {error}", file=sys.stderr)
        return 2
    level = settings.log_level.upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with lock:
        Server(settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
