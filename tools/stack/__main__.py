"""`python3 -m tools.stack up|down|status|logs|ensure`: what the Makefile calls."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from . import credentials, engine, images, packages, preflight, readiness, venv
from .compose import LASTING, ROOT, Compose
from .console import StackError, say
from .status import show_status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 failed with a reason, 130 interrupted)."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.command(options)
    except StackError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.stack",
        description="Bring the Dream.OS metrics stack up and down.",
        epilog="INSTALL=0 in the environment forbids installing anything.",
    )
    parser.add_argument("--project", default="dreamos", help="Compose project name [%(default)s]")
    parser.add_argument(
        "--env-file", type=Path, default=ROOT / ".env", help="settings [.env of the checkout]"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        (
            "up",
            up,
            "install what is missing, build, start, wait until healthy, print the addresses",
        ),
        ("down", down, "stop and remove the containers; data and secrets stay"),
        ("status", status, "what runs, whether it is healthy, what Prometheus reaches"),
        ("logs", logs, "follow the logs of all parts, or of those named"),
        (
            "ensure",
            ensure,
            "what the tests need: engine, Compose, images, a browser; starts nothing",
        ),
        ("venv", make_venv, "the virtual environment that `make test` uses"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        if name == "logs":
            command.add_argument("services", nargs="*")
        if name == "down":
            command.add_argument("--volumes", action="store_true", help="also delete all data")
    return parser


def up(options: argparse.Namespace) -> None:
    """`make up`."""
    began = time.monotonic()
    say("Dream.OS metrics stack: starting")
    settings = preflight.settings(options.env_file, ROOT / ".env.example")
    compose, found, replaced = _prepare(options, settings)
    secrets = _secrets_folder(settings)
    who = credentials.owner()
    credentials.ensure(secrets, who)
    credentials.check_readable(ROOT / "deploy")
    compose = compose.with_variables(
        {**settings.links(), **who.environment(), "SECRETS_DIR": str(secrets)}
    )
    before = compose.parts()
    running = {name: part for name, part in before.items() if part.state == "running"}
    preflight.check_ports(
        settings, {name: part.ports[0] for name, part in running.items() if part.ports}
    )
    services = [name for name in LASTING if name != "grafana" or found.grafana]
    try:
        say("  Starting the containers ...")
        readiness.bring_up(compose, services, before)
    except BaseException:
        if not running:
            say("  Stopping what was started (data and secrets stay) ...")
            compose.down()
        raise
    images.remove(replaced)
    if running:
        compose.reload(name for name in ("prometheus", "alertmanager") if name in running)
    _report(settings, secrets, found, time.monotonic() - began)


def _prepare(
    options: argparse.Namespace, settings: preflight.Settings
) -> tuple[Compose, images.Images, str]:
    """Make sure of the engine and of every image; return the stack, them, and the image that went."""
    engine.ensure()
    compose = Compose(options.project, settings.file)
    tag = f"{images.SERVICE_IMAGE}:{options.project}"
    configured = compose.images()
    if not preflight.enabled(settings, "GRAFANA_ENABLED"):
        configured["GRAFANA_IMAGE"] = ""
    found = images.resolve(configured)
    replaced = images.build_service(ROOT, found, tag)
    stack = compose.with_variables({**found.environment(), "METRICS_IMAGE": tag})
    return stack, found, replaced


def _secrets_folder(settings: preflight.Settings) -> Path:
    return (ROOT / settings["SECRETS_DIR"]).resolve()


def _report(
    settings: preflight.Settings, secrets: Path, found: images.Images, seconds: float
) -> None:
    links = settings.links()
    shown = Path(os.path.relpath(secrets, Path.cwd())) if secrets.is_relative_to(ROOT) else secrets
    grafana = links["GRAFANA_URL"] if found.grafana else "not running, see below"
    say(f"\nUp and healthy in {seconds:.0f} s.\n")
    rows: Mapping[str, tuple[str, str]] = {
        "Grafana": (
            grafana,
            f"user {settings['GRAFANA_ADMIN_USER']}, password in {shown}/grafana/admin_password",
        ),
        "Prometheus": (links["PROMETHEUS_URL"], ""),
        "Alertmanager": (links["ALERTMANAGER_URL"], ""),
        "Metrics service": (
            links["METRICS_URL"],
            f"token to push in {shown}/push/token, to read in {shown}/read/token",
        ),
    }
    for name, (url, note) in rows.items():
        say(f"  {name:16} {url:24}  {note}".rstrip())
    for note in (*found.notes, *preflight.warnings(settings)):
        say(f"\n  Note: {note}")
    say("\n  Next: `make status`, `make logs`, `make down`; README.md has the first five minutes.")


def down(options: argparse.Namespace) -> None:
    """`make down`."""
    if not engine.answers():
        say("The Docker engine is not running, so nothing of the stack is.")
        return
    compose = _existing(options)
    compose.down(volumes=options.volumes)
    say("Down. " + ("All data is deleted." if options.volumes else "Data and secrets are kept."))


def status(options: argparse.Namespace) -> None:
    """`make status`."""
    if not engine.answers():
        raise StackError("the Docker engine is not running: `make up` starts it")
    compose = _existing(options)
    settings = preflight.Settings(compose.env_file, preflight.read_env(compose.env_file))
    show_status(compose, settings)


def logs(options: argparse.Namespace) -> None:
    """`make logs`."""
    if not engine.answers():
        raise StackError("the Docker engine is not running: `make up` starts it")
    _existing(options).replace_process("logs", "--follow", "--tail", "100", *options.services)


def ensure(options: argparse.Namespace) -> None:
    """What `make test` needs: the engine, the images, a browser for the tests of pages."""
    settings = preflight.settings(options.env_file, ROOT / ".env.example")
    _, found, replaced = _prepare(options, settings)
    images.remove(replaced)
    for note in found.notes:
        say(f"  Note: {note}")
    _ensure_browser()


def _ensure_browser() -> None:
    if shutil.which("chromium") is not None:
        return
    allowed, reason = packages.may_install()
    if not allowed:
        say(
            f"  Note: Chromium is missing, and {reason}: the tests of pages in a browser are skipped."
        )
        return
    say("  Missing: Chromium. The pages are tested in a real browser. Installing it.")
    packages.install("chromium", "fonts-dejavu-core")


def make_venv(options: argparse.Namespace) -> None:
    """Make or refresh the virtual environment of the tests."""
    venv.ensure(ROOT)


def _existing(options: argparse.Namespace) -> Compose:
    env_file = options.env_file if options.env_file.exists() else ROOT / ".env.example"
    return Compose(options.project, env_file)


if __name__ == "__main__":
    sys.exit(main())
