"""A whole stack of the tests' own, started by the same command as everybody's, beside whatever else runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return ports that nobody has open now, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((address, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def docker(*words: str) -> str:
    """Run a Docker command, which must succeed; returns what it printed."""
    done = subprocess.run(["docker", *words], text=True, capture_output=True, check=True)
    return done.stdout


@dataclass
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def http(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 15,
) -> Answer:
    """Send a request; a 4xx or 5xx is an answer, not an exception."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


@dataclass
class Stack:
    """One running stack: its addresses and its secrets.

    Attributes:
        root: the checkout whose commands are run.
        prefix: words in front of a command, to run it as somebody else.
        project_is_named: whether the command line names the project; else the env file does.
    """

    project: str
    env_file: Path
    secrets: Path
    ports: Mapping[str, int]
    output: str = ""
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    root: Path = ROOT
    prefix: tuple[str, ...] = ()
    project_is_named: bool = True

    def url(self, service: str, path: str = "") -> str:
        """Return the address of a service, with a path."""
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def secret(self, name: str) -> str:
        """Return a secret, as an operator would read it."""
        return (self.secrets / name).read_text(encoding="utf-8").strip()

    def tool(self, *words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run `python3 -m tools.stack` for this stack."""
        return subprocess.run(
            self.tool_command(*words),
            cwd=self.root,
            env={**os.environ, **self.extra_environment},
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def up(self) -> str:
        """Run `up`, which must succeed; returns what it printed."""
        done = self.tool("up")
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def change(self, **settings: str) -> None:
        """Write settings into the env file, in place of what it says of them."""
        kept = [
            line
            for line in self.env_file.read_text(encoding="utf-8").splitlines()
            if line.partition("=")[0] not in settings
        ]
        kept += [f"{name}={value}" for name, value in settings.items()]
        self.env_file.write_text("\n".join(kept) + "\n", encoding="utf-8")

    def container(self, service: str) -> str:
        """Return the container of a service of this stack, of those that exist; empty for none."""
        filters = (
            f"label=com.docker.compose.project={self.project}",
            f"label=com.docker.compose.service={service}",
            "label=com.docker.compose.oneoff=False",
        )
        words = [word for text in filters for word in ("--filter", text)]
        return docker("ps", "--all", "--quiet", "--no-trunc", *words).strip()

    def inspect(self, service: str, shape: str) -> str:
        """Return what `docker inspect` says of a service's container."""
        return docker("inspect", "--format", shape, self.container(service)).strip()

    def healthy(self, service: str) -> bool:
        """Tell whether a service runs and is healthy."""
        return "running healthy" == self.inspect(
            service, "{{.State.Status}} {{.State.Health.Status}}"
        )

    def remove(self) -> None:
        """Remove everything of this stack."""
        self.tool("down", "--volumes")
        image = f"dreamos/metrics:{self.project}"
        subprocess.run(["docker", "image", "rm", image], capture_output=True, check=False)

    def tool_command(self, *words: str) -> list[str]:
        """Return that command line."""
        named = ["--project", self.project] if self.project_is_named else []
        where = [*named, "--env-file", str(self.env_file)]
        return [*self.prefix, sys.executable, "-m", "tools.stack", *where, *words]

    def compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` for this stack."""
        command = ["docker", "compose", "--project-directory", str(ROOT), "-p", self.project]
        command += ["--env-file", str(self.env_file), *words]
        return subprocess.run(command, text=True, capture_output=True, timeout=300, check=False)

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Ask Prometheus; returns the result vector."""
        parameters = {"query": expression, **({"time": repr(at)} if at is not None else {})}
        path = "/api/v1/query?" + urllib.parse.urlencode(parameters)
        answer = http("GET", self.url("prometheus", path))
        assert 200 == answer.status, f"{expression}: {answer.text}"
        data = answer.json()["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        result: list[dict[str, Any]] = data["result"]
        return result

    def value(self, expression: str, at: float | None = None) -> float | None:
        """Ask Prometheus for one number; None where there is no series."""
        result = self.query(expression, at)
        assert len(result) <= 1, f"{expression} has {len(result)} series"
        return float(result[0]["value"][1]) if result else None

    def push_headers(self) -> dict[str, str]:
        """Return the header that lets a push in."""
        return {"Authorization": f"Bearer {self.secret('push/token')}"}

    def read_headers(self) -> dict[str, str]:
        """Return the header that lets a scrape in."""
        return {"Authorization": f"Bearer {self.secret('read/token')}"}

    def has(self, service: str) -> bool:
        """Tell whether a service of this stack runs."""
        return service in self.compose("ps", "--services", "--status", "running").stdout.split()
