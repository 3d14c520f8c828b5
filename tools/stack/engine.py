"""The Docker engine and Compose: found, and where that is allowed, installed and started."""

from __future__ import annotations

import os
import platform
import re
import shutil

from .console import StackError, run
from .provision import daemon, packages, plugins

COMPOSE_BY_HAND = "install Docker Compose 2.20 or later (https://docs.docker.com/compose/install/)"
MINIMUM_COMPOSE = (2, 20)


def ensure() -> None:
    """Make sure that a Docker engine answers and that Compose and buildx are there.

    Raises:
        StackError: when a part is missing and may not be installed, or does not start.
    """
    if not answers():
        if not _installed():
            packages.require("Docker engine", "the stack runs in containers", daemon.BY_HAND)
            packages.install("docker.io", "iptables", "ca-certificates")
        if not answers():
            daemon.start(answers)
    _ensure_plugins()


def answers() -> bool:
    """Tell whether the engine answers."""
    return run(["docker", "info", "--format", "{{.ServerVersion}}"], timeout=60).returncode == 0


def is_rootless() -> bool:
    """Tell whether the engine runs without root: there, uid 0 in a container is this user."""
    return "rootless" in run(["docker", "info", "--format", "{{.SecurityOptions}}"]).stdout


def _installed() -> bool:
    """Tell whether an engine is on this machine, or reached elsewhere, as far as can be seen."""
    if os.environ.get("DOCKER_HOST") or platform.system() != "Linux":
        return shutil.which("docker") is not None
    engines = ("dockerd", "podman")
    has_engine = any(shutil.which(name, path=daemon.wide_path()) for name in engines)
    return has_engine and shutil.which("docker") is not None


def compose_version() -> tuple[int, ...] | None:
    """Return the version of Compose, or None where `docker compose` does not exist."""
    result = run(["docker", "compose", "version", "--short"])
    match = re.match(r"v?(\d+)\.(\d+)", result.stdout.strip())
    return (int(match[1]), int(match[2])) if match and result.returncode == 0 else None


def _ensure_plugins() -> None:
    version = compose_version()
    if version is not None and version >= MINIMUM_COMPOSE:
        return
    found = f"only {'.'.join(map(str, version))} is here" if version else "it starts the containers"
    packages.require("Docker Compose v2", found, COMPOSE_BY_HAND)
    plugins.install()
    version = compose_version()
    if version is None:
        raise StackError(f"`docker compose` still does not work: {COMPOSE_BY_HAND}")
