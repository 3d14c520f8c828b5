"""After an orderly restart of the engine, and after its crash, everything runs again by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.engine import Engine, engine
from tests.e2e.stack import ROOT, Stack
from tools.stack.images import SUBSTITUTES
from tools.waiting import eventually

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("dockerd") is None, reason="needs root and dockerd"
    ),
]
PARTS = ("metrics", "prometheus", "alertmanager")
PROJECT = "restarted"
READ = """
import urllib.request
request = urllib.request.Request("http://127.0.0.1:8000/metrics")
request.add_header("Authorization", "Bearer " + open("/run/secrets/read/token").read().strip())
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""
PUSH = """
import urllib.request
from tools.waiting import eventually
url = "http://127.0.0.1:8000/metrics/job/kept/agent/a/incarnation/1"
body = b"# TYPE kept_total counter\\nkept_total 7\\n"
request = urllib.request.Request(url, data=body, method="PUT")
request.add_header("Authorization", "Bearer " + open("/run/secrets/push/token").read().strip())
for name, text in (("Content-Type", "text/plain"), ("Dreamos-Sequence", "1"), ("Dreamos-Final", "1")):
    request.add_header(name, text)
urllib.request.urlopen(request, timeout=20)
"""


@pytest.fixture(scope="module")
def restarted(stack: Stack) -> Iterator[Engine]:
    """The stack's own images and secrets, on an engine that may be ended."""
    service = f"dreamos/metrics:{stack.project}"
    tools = {name: SUBSTITUTES[name].tag for name in ("PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE")}
    owner = stack.inspect("secrets", "{{.Config.User}}").split(":")
    variables = {
        **os.environ,
        **tools,
        "METRICS_IMAGE": service,
        "SECRETS_DIR": str(stack.secrets),
        "STACK_UID": owner[0],
        "STACK_GID": owner[1],
    }
    # Not below pytest's folder: a socket's path may have a hundred characters.
    with engine(Path(tempfile.mkdtemp(prefix="engine"))) as found:
        found.load(service, *tools.values())
        command = ["docker", "--host", found.address, "compose", "--project-directory", str(ROOT)]
        command += ["--project-name", PROJECT, "--env-file", os.devnull, "up", "--detach"]
        done = subprocess.run(
            [*command, "--no-build", "--wait", *PARTS],
            env=variables,
            text=True,
            capture_output=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        found.docker("exec", container("metrics"), "python", "-c", PUSH)
        yield found


def container(part: str) -> str:
    return f"{PROJECT}-{part}-1"


def all_healthy(found: Engine) -> bool:
    shape = "{{.State.Status}} {{.State.Health.Status}}"
    states = {found.docker("inspect", "--format", shape, container(part)).strip() for part in PARTS}
    return {"running healthy"} == states


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "crash"])
def test_every_part_is_healthy_again_with_its_data(
    restarted: Engine, signum: signal.Signals
) -> None:
    restarted.end(signum)

    restarted.start()

    eventually(lambda: all_healthy(restarted), within=180)
    shown = restarted.docker("exec", container("metrics"), "python", "-c", READ)
    assert 'agent="a"' in next(
        line for line in shown.splitlines() if line.startswith("kept_total{")
    )
