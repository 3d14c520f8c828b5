"""A service with a dozen agents of every state, some with hostile names, and a browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Running
from tests.contract.page.browser import Browser, find
from tools.waiting import eventually_equal

SCRIPT = "<script>alert('x')</script>\"&"
LONG = "x" * 2_000
TURNED = "\u202edrowssap שלום"

BODY = """\
# TYPE file_ops_write_total counter
file_ops_write_total{{path="notes",operation="atomic_write"}} {writes}
# TYPE file_ops_read_errors_total counter
file_ops_read_errors_total{{path="notes",operation="read",error_type="OSError"}} 2
# TYPE dreamos_agent_heartbeats_total counter
dreamos_agent_heartbeats_total 5
# TYPE dreamos_agent_progress_total counter
dreamos_agent_progress_total {progress}
# TYPE dreamos_agent_operations_overdue gauge
dreamos_agent_operations_overdue{{operation="model call"}} {overdue}
"""


def push(
    service: Running,
    agent: str,
    *,
    writes: int = 1,
    progress: int = 3,
    overdue: int = 0,
    **how: str,
) -> None:
    """Push as the agent ``agent``; it lives for an hour unless headers in ``how`` say otherwise."""
    name = base64.urlsafe_b64encode(agent.encode()).decode().rstrip("=")
    body = BODY.format(writes=writes, progress=progress, overdue=overdue)
    headers = {"Dreamos_TTL": "3600", **how}
    reply = service.push(f"dreamos/agent@base64/{name}/incarnation/1", body, **headers)
    assert 200 == reply.status, reply.text


def crowd(service: Running) -> None:
    """Push thirteen agents: nine run, one of them hangs; two have ended; two are lost."""
    for number in range(1, 5):
        push(service, f"Agent-{number}", writes=1_000)
    for name in (SCRIPT, LONG, TURNED):
        push(service, name)
    push(service, "hanging", overdue=2)
    assert 200 == service.push("<b>job/agent/labelled/team/<i>x/incarnation/1", "").status
    for name in ("done-1", "done-2"):
        push(service, name, Dreamos_Final="1")
    for name in ("gone-1", "gone-2"):
        push(service, name, progress=0, Dreamos_TTL="0.01")
    eventually_equal(2, lambda: service.value("dreamos_agents", state="lost"))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service without tokens that knows a dozen agents."""
    links = {
        "GRAFANA_URL": "http://grafana.example.org:3000",
        "PROMETHEUS_URL": "https://prometheus.example.org/x?a=1&b=2",
    }
    service = Running(tmp_path_factory.mktemp("crowded"), links).start()
    try:
        crowd(service)
        yield service
    finally:
        service.kill()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real Chromium."""
    program = find()
    if program is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    profile = Path(tmp_path_factory.mktemp("chromium")) / "profile"
    profile.mkdir()
    opened = Browser(program, profile)
    yield opened
    opened.close()
