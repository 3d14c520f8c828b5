"""The Docker engine and Compose: found, installed where that is allowed, started."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import packages
from .console import StackError, last_lines, run, say, step

ENGINE_BY_HAND = "install Docker Engine 20.10 or later (https://docs.docker.com/engine/install/)"
COMPOSE_BY_HAND = "install Docker Compose 2.20 or later (https://docs.docker.com/compose/install/)"
MINIMUM_COMPOSE = (2, 20)
PLUGINS = Path("/usr/libexec/docker/cli-plugins")
ENGINE_LOG = Path("/var/log/dockerd.log")
ENGINE_PID = Path("/var/run/docker.pid")


def ensure() -> None:
    """Make sure that a Docker engine answers and that Compose and buildx are there.

    Raises:
        StackError: when a part is missing and may not be installed, or does not start.
    """
    if not answers():
        if not _installed():
            packages.require("Docker engine", "the stack runs in containers", ENGINE_BY_HAND)
            packages.install("docker.io", "iptables", "ca-certificates")
        if not answers():
            _start()
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
    has_engine = any(shutil.which(name, path=_wide_path()) for name in ("dockerd", "podman"))
    return has_engine and shutil.which("docker") is not None


def _wide_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"


def _start() -> None:
    if platform.system() != "Linux" or os.environ.get("DOCKER_HOST"):
        raise StackError("Docker does not answer: start Docker Desktop, or check DOCKER_HOST")
    if os.geteuid() != 0:
        socket = Path("/var/run/docker.sock")
        if socket.exists() and not os.access(socket, os.W_OK):
            raise StackError(
                "Docker's socket is closed to you: run `make up` as root, or join the group with "
                "`sudo usermod -aG docker $USER` and log in again"
            )
        raise StackError(
            "the Docker engine is not running: start it with `sudo systemctl start docker`"
        )
    with step("Starting the Docker engine"):
        if Path("/run/systemd/system").is_dir():
            run(["systemctl", "start", "docker"], timeout=120)
        else:
            _start_without_systemd()
        _wait_for_socket()


def _start_without_systemd() -> None:
    program = shutil.which("dockerd", path=_wide_path())
    if program is None:
        raise StackError(f"no dockerd on this machine: {ENGINE_BY_HAND}")
    if ENGINE_PID.exists() and not _alive(ENGINE_PID):
        ENGINE_PID.unlink()
    with ENGINE_LOG.open("ab") as log:
        subprocess.Popen(
            [program, f"--pidfile={ENGINE_PID}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    say(f"    no systemd here: started dockerd itself, log in {ENGINE_LOG}, pid in {ENGINE_PID}")


def _alive(pid_file: Path) -> bool:
    try:
        pid = int(pid_file.read_text())
        return "dockerd" in Path(f"/proc/{pid}/comm").read_text()
    except (OSError, ValueError):
        return False


def _wait_for_socket(seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers():
            return
        time.sleep(0.5)
    log = ENGINE_LOG.read_text(errors="replace") if ENGINE_LOG.exists() else ""
    raise StackError(f"the Docker engine did not answer within {seconds:.0f} s:\n{last_lines(log)}")


def compose_version() -> tuple[int, ...] | None:
    """Return the version of Compose, or None where `docker compose` does not exist."""
    result = run(["docker", "compose", "version", "--short"])
    match = re.match(r"v?(\d+)\.(\d+)", result.stdout.strip())
    return (int(match[1]), int(match[2])) if match and result.returncode == 0 else None


def _ensure_plugins() -> None:
    version = compose_version()
    if version is None or version < MINIMUM_COMPOSE:
        found = (
            f"only {'.'.join(map(str, version))} is here" if version else "it starts the containers"
        )
        packages.require("Docker Compose v2", found, COMPOSE_BY_HAND)
        _install_plugins()
        if compose_version() is None:
            raise StackError(f"`docker compose` still does not work: {COMPOSE_BY_HAND}")


def _install_plugins() -> None:
    """Install Compose and buildx: from the distribution where it has them, else Debian testing's.

    Debian 12 has neither. Testing's packages are single static binaries, so they run here; they are
    unpacked beside the system's packages and nothing else of testing is let in.
    """
    if packages.distribution().get("ID") == "ubuntu":
        packages.install("docker-compose-v2", "docker-buildx")
        return
    with tempfile.TemporaryDirectory(prefix="dreamos-deb-") as name:
        folder = Path(name)
        debs = packages.download("testing", ("docker-compose", "docker-buildx"), folder)
        PLUGINS.mkdir(parents=True, exist_ok=True)
        for deb, plugin in zip(debs, ("docker-compose", "docker-buildx"), strict=True):
            unpacked = folder / plugin
            result = run(["dpkg-deb", "-x", str(deb), str(unpacked)])
            if result.returncode:
                raise StackError(f"{deb.name} does not unpack:\n{last_lines(result.stderr)}")
            target = PLUGINS / plugin
            shutil.copyfile(unpacked / PLUGINS.relative_to("/") / plugin, target)
            target.chmod(0o755)
    say(f"    Compose {'.'.join(map(str, compose_version() or ()))} and buildx are in {PLUGINS}")
