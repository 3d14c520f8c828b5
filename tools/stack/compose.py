"""Docker Compose, for one project: what is started, what runs, what it says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .console import StackError, last_lines, run
from .envfile import NO_FILE

ROOT = Path(__file__).resolve().parents[2]
LASTING = ("secrets", "mounts", "observer", "metrics", "prometheus", "alertmanager", "grafana")
ONE_SHOTS = ("volumes", "render", "check-prometheus", "check-alertmanager", "publish")
"""What prepares a start, in this order; each has ended before anything that runs is touched."""


@dataclass(frozen=True)
class Part:
    """What Compose says of one container.

    Attributes:
        service: its name in docker-compose.yml.
        state: created, running, restarting, exited, ...
        health: healthy, unhealthy, starting; empty where there is no health check.
        exit_code: of a container that has ended.
        ports: published ports.
        id: of the container.
        name: of the container.
    """

    service: str
    state: str
    health: str
    exit_code: int
    ports: tuple[int, ...]
    id: str
    name: str = ""

    @property
    def ready(self) -> bool:
        """Whether it runs and says that it is healthy."""
        return self.state == "running" and self.health in {"healthy", ""}

    @property
    def lasts(self) -> bool:
        """Whether it is there to go on, and not to prepare a start or to end."""
        ended_well = self.state == "exited" and self.exit_code == 0
        return self.service not in ONE_SHOTS and not ended_well

    @property
    def failed(self) -> bool:
        """Whether it will not become ready by waiting."""
        broke = self.state in {"exited", "dead"} and self.exit_code != 0
        return broke or self.health == "unhealthy" or self.state == "restarting"


@dataclass(frozen=True)
class Compose:
    """`docker compose` with the project and the variables of one stack.

    Every setting is among the variables, as `envfile` read it; no file is read a second time.
    """

    project: str
    variables: Mapping[str, str] = field(default_factory=dict)

    def with_variables(self, more: Mapping[str, str]) -> Compose:
        """Return the same stack with further variables."""
        return Compose(self.project, {**self.variables, **more})

    def command(self, *words: str) -> list[str]:
        """Return the command line for a Compose command."""
        return [
            "docker",
            "compose",
            "--project-directory",
            str(ROOT),
            "--project-name",
            self.project,
            "--env-file",
            NO_FILE,
            *words,
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment for that command line."""
        return {**os.environ, **self.variables}

    def run(self, *words: str, timeout: float | None = 300) -> subprocess.CompletedProcess[str]:
        """Run a Compose command to its end."""
        return run(self.command(*words), env=self.environment(), timeout=timeout, cwd=str(ROOT))

    def start(self, *words: str, output: IO[str]) -> subprocess.Popen[str]:
        """Start a Compose command and return at once; it writes to `output`."""
        return subprocess.Popen(
            self.command(*words),
            env=self.environment(),
            cwd=ROOT,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def replace_process(self, *words: str) -> None:
        """Become the Compose command, so that Ctrl-C and the terminal are its own (`make logs`)."""
        command = self.command(*words)
        os.execvpe(command[0], command, self.environment())  # noqa: S606

    def configuration(self) -> dict[str, Any]:
        """Return docker-compose.yml as Compose reads it, variables filled in.

        Raises:
            StackError: with what Compose objects to.
        """
        result = self.run("config", "--format", "json")
        if result.returncode:
            raise StackError(f"docker-compose.yml is refused:\n{last_lines(result.stderr)}")
        configuration: dict[str, Any] = json.loads(result.stdout)
        return configuration

    def services(self) -> dict[str, Any]:
        """Return what is to run, by name: our parts, and those of a docker-compose.override.yml."""
        found: dict[str, Any] = self.configuration()["services"]
        return {name: service for name, service in found.items() if name not in ONE_SHOTS}

    def images(self) -> dict[str, str]:
        """Return the configured images by the variable that replaces them."""
        services = self.services()
        return {
            "PROMETHEUS_IMAGE": services["prometheus"]["image"],
            "ALERTMANAGER_IMAGE": services["alertmanager"]["image"],
            "GRAFANA_IMAGE": services["grafana"]["image"],
            "PYTHON_IMAGE": services["metrics"]["build"]["args"]["PYTHON_IMAGE"],
        }

    def once(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a one-shot service to its end in a container of its own, which is then removed."""
        return self.run("run", "--rm", "--no-deps", "-T", service, *words)

    def parts(self) -> dict[str, Part]:
        """Return what is there of this stack, by service; empty when nothing is."""
        result = self.run("ps", "--all", "--format", "json")
        lines = (line for line in result.stdout.splitlines() if line.startswith("{"))
        return {part.service: part for part in map(_part, map(json.loads, lines))}

    def logs(self, service: str, lines: int = 20) -> str:
        """Return the last lines that a service wrote."""
        result = self.run("logs", "--no-color", "--no-log-prefix", "--tail", str(lines), service)
        return result.stdout + result.stderr

    def down(self, *, volumes: bool = False) -> None:
        """Stop and remove the containers and networks; the data stays unless `volumes`.

        Raises:
            StackError: with Compose's last lines.
        """
        more = ["--volumes"] if volumes else []
        result = self.run("down", "--remove-orphans", *more)
        if result.returncode:
            raise StackError(f"`docker compose down` failed:\n{last_lines(result.stderr)}")

    def remove_unfinished(self) -> None:
        """Remove containers of one-shots that did not come to their end."""
        filters = (
            f"label=com.docker.compose.project={self.project}",
            "label=com.docker.compose.oneoff=True",
        )
        words = [word for text in filters for word in ("--filter", text)]
        if left := run(["docker", "ps", "--all", "--quiet", *words]).stdout.split():
            run(["docker", "rm", "--force", *left])

    def remove(self, *services: str) -> None:
        """Stop and remove the containers of some services."""
        self.run("rm", "--stop", "--force", *services)


def _part(row: Mapping[str, Any]) -> Part:
    published = {entry["PublishedPort"] for entry in row.get("Publishers") or ()}
    return Part(
        service=row["Service"],
        state=row["State"],
        health=row.get("Health", ""),
        exit_code=int(row.get("ExitCode", 0)),
        ports=tuple(sorted(port for port in published if port)),
        id=row["ID"],
        name=row.get("Name", ""),
    )
