"""What the person adds: services of their own, and variables that are not ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import checkout
from tests.e2e.conftest import describe
from tests.e2e.sinks import HttpSink, Mailbox
from tests.e2e.stack import Stack, docker
from tools.stack.images import SUBSTITUTES

pytestmark = pytest.mark.stack
OVERRIDE = f"""
services:
  mine:
    image: {SUBSTITUTES["PYTHON_IMAGE"].tag}
    command: [sleep, "3600"]
    init: true
    environment:
      TOKEN: ${{MYAPP_TOKEN}}
      FROM: ${{MY_SMTP_FROM}}
  once:
    image: {SUBSTITUTES["PYTHON_IMAGE"].tag}
    command: ["true"]
    depends_on: [mine]
"""


@pytest.fixture(scope="module")
def extended(
    tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, sink: HttpSink
) -> Iterator[Stack]:
    """A stack of a checkout with services of the person's own."""
    folder = tmp_path_factory.mktemp("extended")
    stack = describe(folder, f"dreamos-mine-{os.getpid()}", mailbox, sink)
    stack.root = checkout.copy(folder / "checkout")
    Path(stack.root, "docker-compose.override.yml").write_text(OVERRIDE)
    stack.change(
        MYAPP_TOKEN="'pa$$word'", MY_SMTP_FROM="me@example.org", TZ="Asia/Tokyo", XYZZY="1"
    )
    try:
        stack.output = stack.up()
        yield stack
    finally:
        stack.remove()
        assert "" == stack.container("mine")


def test_a_service_of_the_override_runs_with_its_variables(extended: Stack) -> None:
    assert "running" == extended.inspect("mine", "{{.State.Status}}")
    got = docker("exec", extended.container("mine"), "printenv", "TOKEN", "FROM").split()
    assert ["pa$$word", "me@example.org"] == got


def test_one_that_is_there_to_end_may_end(extended: Stack) -> None:
    assert "exited 0" == extended.inspect("once", "{{.State.Status}} {{.State.ExitCode}}")
    assert "once" not in extended.tool("status").stdout


def test_status_shows_the_persons_own_parts(extended: Stack) -> None:
    assert "  mine           running" in extended.tool("status").stdout


def test_what_is_passed_on_and_what_nobody_reads_is_listed(extended: Stack) -> None:
    assert "TZ to all parts" in extended.output
    assert "read by no part of the stack: XYZZY." in extended.output


@pytest.mark.parametrize("service", ["metrics", "prometheus", "alertmanager"])
def test_the_zone_reaches_every_part(extended: Stack, service: str) -> None:
    assert "TZ=Asia/Tokyo" in extended.inspect(service, "{{json .Config.Env}}")
