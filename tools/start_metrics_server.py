"""Start the metrics service: ``python -m tools.start_metrics_server``.

It listens on 127.0.0.1:8000. Every option can also be given as an environment variable
(``METRICS_HOST``, ``METRICS_PORT``, …); the option wins.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.metrics.auth import TokenFile, TokenFileError
from services.metrics.settings import BadSetting, Settings
from services.metrics.store.data_dir_lock import DataDirLockedError, claim

GRACEFUL_SECONDS = 8
"""How long open requests may take when the service stops; below Compose's ten seconds."""

ONE_WORKER = (
    "the service runs as one process: it keeps every agent's totals in its memory, and a second "
    "worker would hold other totals than the first. Use --threads for more requests at once, and "
    "more services, not more workers, for more agents"
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m tools.start_metrics_server",
        description="Start the Dream.OS metrics service.",
        epilog="Each option can be set as an environment variable: METRICS_HOST, METRICS_PORT, …",
    )
    made.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    made.add_argument("--port", type=int, help="port to listen on (default 8000)")
    made.add_argument("--data-dir", type=Path, help="folder of the data (default ./data)")
    made.add_argument("--push-token-file", type=Path, help="file with the tokens for pushing")
    made.add_argument("--read-token-file", type=Path, help="file with the tokens for reading")
    made.add_argument(
        "--allow-unauthenticated",
        action="store_true",
        help="listen on an address other machines can reach although a token is not configured",
    )
    made.add_argument("--threads", type=int, help="requests served at once (default 16)")
    made.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    made.add_argument("--log-level", help="debug, info (default), warning or error")
    return made


def chosen(arguments: argparse.Namespace) -> Settings:
    """Return the environment's settings with the options laid over them.

    Raises:
        BadSetting: a value cannot be used, or the address needs tokens that are not there.
        TokenFileError: a token file cannot be used.
    """
    workers = os.environ.get("WEB_CONCURRENCY", "1")
    if arguments.workers != 1 or workers not in ("", "1"):
        raise BadSetting(ONE_WORKER)
    names = (
        "host",
        "port",
        "data_dir",
        "push_token_file",
        "read_token_file",
        "threads",
        "log_level",
    )
    given = {name: getattr(arguments, name) for name in names}
    settings = Settings.from_env()
    settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
    for path in (settings.push_token_file, settings.read_token_file):
        if path is not None:
            TokenFile(path)
    allowed = arguments.allow_unauthenticated or os.environ.get("METRICS_ALLOW_UNAUTHENTICATED")
    guarded = settings.push_token_file is not None and settings.read_token_file is not None
    if not (allowed or guarded or is_loopback(settings.host)):
        raise BadSetting(
            f"{settings.host} can be reached from other machines: configure "
            "--push-token-file and --read-token-file, or say --allow-unauthenticated"
        )
    return settings


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """Return the settings of gunicorn: one worker with threads, never recycled."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    shared = Path("/dev/shm")  # noqa: S108  (gunicorn makes its own file there)
    return {
        "bind": f"{host}:{settings.port}",
        "workers": 1,
        "worker_class": "services.metrics.worker.MetricsWorker",
        "threads": settings.threads,
        "worker_connections": 2_000,
        "max_requests": 0,
        "preload_app": False,
        "worker_tmp_dir": str(shared) if os.access(shared, os.W_OK) else None,
        "control_socket_disable": True,
        "graceful_timeout": GRACEFUL_SECONDS,
        "timeout": 60,
        "keepalive": 75,
        "loglevel": settings.log_level.lower(),
        "limit_request_line": 8_190,
        "proc_name": "dreamos-metrics",
    }


def serve(settings: Settings) -> None:
    """Serve until a signal comes: gunicorn where there is one, else Werkzeug's own server."""
    if sys.platform == "win32":
        _serve_simply(settings)
    else:
        from services.metrics.server import run  # gunicorn cannot be imported on Windows

        run(settings, gunicorn_options(settings))


def _serve_simply(settings: Settings) -> None:
    from werkzeug.serving import run_simple

    from services.metrics.app import create_app

    app = create_app(settings)
    app.extensions["dreamos"].start()
    try:
        run_simple(settings.host, settings.port, app, threaded=True)
    finally:
        app.extensions["dreamos"].stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    try:
        settings = chosen(parser().parse_args(arguments))
        claim(settings.data_dir).close()
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"start_metrics_server: cannot use the data folder: {reason}", file=sys.stderr)
        return 2
    except (BadSetting, TokenFileError, DataDirLockedError) as error:
        print(f"start_metrics_server: {error}", file=sys.stderr)
        return 2
    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
