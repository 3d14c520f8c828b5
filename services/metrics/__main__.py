"""The command line of the service: ``python -m services.metrics``.

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

from services.metrics.settings import ONE_WORKER, BadSetting, Settings
from services.metrics.store.data_dir_lock import DataDirLockedError, claim
from services.metrics.tokens import TokenFile, TokenFileError


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
    made.add_argument(
        "--threads",
        type=int,
        help="requests worked on at once that are not answered by the event loop (default 16)",
    )
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


def serve(settings: Settings) -> None:
    """Serve until a signal comes: gunicorn where there is one, else Werkzeug's own server."""
    if sys.platform == "win32":
        _serve_simply(settings)
    else:
        from services.metrics.server import run  # gunicorn cannot be imported on Windows

        run(settings)


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
