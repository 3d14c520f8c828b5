"""`python3 -m tools.stack up|down|status|logs|test-alert|ensure|pins`: what the Makefile calls."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from . import (
    acceptance,
    credentials,
    engine,
    grafana,
    images,
    lock,
    ownership,
    pins,
    preflight,
    readiness,
    reloading,
    report,
    venv,
)
from .compose import ROOT, Compose, Part
from .console import StackError, say
from .delivery import command as delivery
from .provision import browser
from .settings import Settings, read
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
        epilog="In the environment: INSTALL=0 forbids installing anything, ADOPT=1 takes over another "
        "folder's stack, DIGESTS=0 takes images by their tags.",
    )
    parser.add_argument("--project", help="Compose project name [COMPOSE_PROJECT_NAME of .env]")
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
        ("test-alert", test_alert, "a test alert through every receiver, and what became of it"),
        (
            "ensure",
            ensure,
            "what the tests need: engine, Compose, images, a browser; starts nothing",
        ),
        ("venv", make_venv, "the virtual environment that `make test` uses"),
        ("pins", bump_pins, "pin the images anew, by the digests that the registries have today"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        if name == "logs":
            command.add_argument("services", nargs="*")
        if name == "test-alert":
            delivery.describe(command)
        if name == "pins":
            command.add_argument("tags", nargs="*", metavar="NAME=TAG", help="PYTHON_IMAGE=3.14")
        if name == "down":
            command.add_argument("--volumes", action="store_true", help="also delete all data")
    return parser


def up(options: argparse.Namespace) -> None:
    """`make up`."""
    began = time.monotonic()
    say("Dream.OS metrics stack: starting")
    engine.ensure()
    settings = preflight.settings(options.env_file, ROOT / ".env.example")
    project = _project(options, settings)
    with lock.alone(ROOT / ".stack", project, "make up"):
        ownership.check(project, ROOT, adopt=ownership.may_adopt())
        found = _bring_up(project, settings)
        report.summary(settings, found, time.monotonic() - began)


def _bring_up(project: str, settings: Settings) -> images.Images:
    compose = Compose(project, settings.environment())
    compose, found, replaced = _prepare(compose, settings)
    secrets = settings.secrets_folder()
    who = credentials.owner(secrets)
    credentials.ensure(secrets, who)
    credentials.check_readable(ROOT / "deploy")
    preflight.check_secrets(settings)
    compose = compose.with_variables(
        {**who.environment(), **grafana.environment(ROOT / ".stack", project, settings)}
    )
    before = compose.parts()
    running = {name: part for name, part in before.items() if part.state == "running"}
    preflight.check_ports(
        settings, {name: part.ports[0] for name, part in running.items() if part.ports}
    )
    ownership.claim(project, ROOT, adopt=ownership.may_adopt())
    try:
        say("  Checking the configuration with the tools that will read it ...")
        acceptance.accept(compose)
        _start(compose, settings, found, before)
    except BaseException:
        if not running:
            say("  Stopping what was started (data and secrets stay) ...")
            compose.down()
        raise
    images.remove(replaced)
    return found


def _start(
    compose: Compose,
    settings: Settings,
    found: images.Images,
    before: Mapping[str, Part],
) -> None:
    say("  Starting the containers ...")
    services = [name for name in compose.services() if name != "grafana" or found.grafana]
    if "grafana" in before and "grafana" not in services:
        compose.remove("grafana")
    readiness.bring_up(compose, services, before)
    kept = {
        name: part
        for name, part in compose.parts().items()
        if name in before and before[name].id == part.id and before[name].state == "running"
    }
    reloading.reload(compose, kept, settings.addresses(), compose.variables["METRICS_IMAGE"])


def _project(options: argparse.Namespace, settings: Settings) -> str:
    """Return the name of the Compose project: of the command line, else the setting."""
    name: str = options.project or settings["COMPOSE_PROJECT_NAME"]
    return name


def _prepare(compose: Compose, settings: Settings) -> tuple[Compose, images.Images, str]:
    """Make sure of every image; return the stack with them, them, and the image that went."""
    tag = f"{images.SERVICE_IMAGE}:{compose.project}"
    configured = compose.images()
    if not settings.enabled("GRAFANA_ENABLED"):
        configured["GRAFANA_IMAGE"] = ""
    found = images.resolve(configured)
    replaced = images.build_service(ROOT, found, tag)
    chosen = {"METRICS_IMAGE": tag, "COMPOSE_PROJECT_NAME": compose.project}
    return compose.with_variables({**found.environment(), **chosen}), found, replaced


def down(options: argparse.Namespace) -> None:
    """`make down`."""
    if not engine.answers():
        say("The Docker engine is not running, so nothing of the stack is.")
        return
    compose, _ = _existing(options)
    with lock.alone(ROOT / ".stack", compose.project, "make down"):
        compose.remove_unfinished()
        compose.down(volumes=options.volumes)
        if options.volumes:
            ownership.forget(compose.project)
    say("Down. " + ("All data is deleted." if options.volumes else "Data and secrets are kept."))


def status(options: argparse.Namespace) -> None:
    """`make status`."""
    if not engine.answers():
        raise StackError("the Docker engine is not running: `make up` starts it")
    show_status(*_existing(options))


def logs(options: argparse.Namespace) -> None:
    """`make logs`."""
    if not engine.answers():
        raise StackError("the Docker engine is not running: `make up` starts it")
    compose, _ = _existing(options)
    compose.replace_process("logs", "--follow", "--tail", "100", *options.services)


def test_alert(options: argparse.Namespace) -> None:
    """`make test-alert`."""
    if not engine.answers():
        raise StackError("the Docker engine is not running: `make up` starts it and the stack")
    compose, settings = _existing(options)
    with lock.alone(ROOT / ".stack", compose.project, "make test-alert"):
        compose.remove_unfinished()
        delivery.send_test_alert(compose, settings, options.receivers, options.within)


def ensure(options: argparse.Namespace) -> None:
    """What `make test` needs: the engine, the images, a browser for the tests of pages."""
    engine.ensure()
    settings = preflight.settings(options.env_file, ROOT / ".env.example")
    compose = Compose(_project(options, settings), settings.environment())
    _, found, replaced = _prepare(compose, settings)
    images.remove(replaced)
    for note in found.notes:
        say(f"  Note: {note}")
    browser.ensure()


def bump_pins(options: argparse.Namespace) -> None:
    """`make pins`."""
    wanted = dict(word.partition("=")[::2] for word in options.tags)
    pins.bump(ROOT / "docker-compose.yml", wanted)


def make_venv(options: argparse.Namespace) -> None:
    """Make or refresh the virtual environment of the tests."""
    venv.ensure(ROOT)


def _existing(options: argparse.Namespace) -> tuple[Compose, Settings]:
    """Return the stack as it is, after making sure that it is of this folder."""
    env_file = options.env_file if options.env_file.exists() else ROOT / ".env.example"
    settings = read(env_file)
    project = _project(options, settings)
    ownership.check(project, ROOT)
    return Compose(project, settings.environment()), settings


if __name__ == "__main__":
    sys.exit(main())
