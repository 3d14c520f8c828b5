"""Two checkouts, two people, two commands at once: none touches what is another's."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import checkout
from tests.e2e.conftest import describe
from tests.e2e.sinks import HttpSink, Mailbox
from tests.e2e.stack import Stack, docker

pytestmark = pytest.mark.stack
PARTS = ("metrics", "prometheus", "alertmanager")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second checkout."""
    base = tmp_path_factory.mktemp("second")
    base.chmod(0o755)
    return checkout.copy(base / "checkout")


@pytest.fixture
def second(folder: Path, tmp_path: Path, mailbox: Mailbox, sink: HttpSink) -> Iterator[Stack]:
    """A stack of the second checkout, described and not started."""
    stack = describe(tmp_path, f"dreamos-second-{os.getpid()}", mailbox, sink)
    stack.root = folder
    yield stack
    stack.remove()


def state(stack: Stack) -> dict[str, str]:
    shape = "{{.Id}} {{.State.StartedAt}} {{.Config.User}}"
    return {name: stack.inspect(name, shape) for name in PARTS}


@pytest.mark.parametrize("command", ["up", "down", "status", "logs"])
def test_a_project_of_another_folder_is_refused_with_both_paths(
    stack: Stack, second: Stack, command: str
) -> None:
    before = state(stack), stack.secret("push/token")
    mine, second.project = second.project, stack.project

    refused = second.tool(command)
    second.project = mine

    assert 1 == refused.returncode, refused.stdout + refused.stderr
    for said in (str(stack.root), str(second.root), "COMPOSE_PROJECT_NAME", "ADOPT=1 make up"):
        assert said in refused.stderr
    assert before == (state(stack), stack.secret("push/token"))


def test_the_name_of_the_env_file_names_containers_volumes_and_networks(second: Stack) -> None:
    second.change(COMPOSE_PROJECT_NAME=second.project)
    second.project_is_named = False

    second.up()

    assert second.container("prometheus")
    label = f"label=com.docker.compose.project={second.project}"
    volumes = docker("volume", "ls", "--quiet", "--filter", label).split()
    networks = docker("network", "ls", "--format", "{{.Name}}", "--filter", label).split()
    own = {volume.removeprefix(f"{second.project}_") for volume in volumes}
    assert {"metrics-data", "generated-prometheus", "secrets-metrics"} <= own
    named = {f"{second.project}_{name}" for name in ("front", "inner", "probes")}
    assert named == set(networks)


def test_data_that_was_left_by_down_is_not_taken_over(second: Stack, tmp_path: Path) -> None:
    second.up()
    assert 0 == second.tool("down").returncode
    token = second.secret("push/token")

    third = Stack(second.project, second.env_file, second.secrets, second.ports)
    refused = third.tool("up")

    assert 1 == refused.returncode
    assert str(second.root) in refused.stderr
    assert "" == second.container("metrics")

    third.extra_environment = {"ADOPT": "1"}
    third.up()
    assert token == second.secret("push/token")
    third.remove()


def test_the_second_of_two_at_once_waits_and_both_succeed(second: Stack) -> None:
    processes = [
        subprocess.Popen(
            second.tool_command("up"),
            cwd=second.root,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(2)
    ]

    outputs = [process.communicate(timeout=900)[0] for process in processes]

    assert [0, 0] == [process.returncode for process in processes], outputs
    assert 1 == sum("is at work on" in output for output in outputs), outputs
    assert all("Up and healthy" in output for output in outputs)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users reach: pytest closes its own to them at every start."""
    with tempfile.TemporaryDirectory(prefix="dreamos-person-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as somebody else")
def test_sudo_make_up_leaves_a_persons_stack_to_that_person(
    reachable: Path, mailbox: Mailbox, sink: HttpSink
) -> None:
    person = 23456
    stack = describe(reachable, f"dreamos-person-{os.getpid()}", mailbox, sink)
    stack.root = checkout.copy(reachable / "checkout")
    subprocess.run(["chown", "-R", f"{person}:{person}", str(reachable)], check=True)
    group = Path("/var/run/docker.sock").stat().st_gid
    words = (f"--reuid={person}", f"--regid={person}", f"--groups={group}")
    as_person: Way = (("setpriv", *words, "--"), {"HOME": str(reachable)})
    as_sudo: Way = ((), {"SUDO_UID": str(person), "SUDO_GID": str(person)})
    as_root: Way = ((), {})

    try:
        first = up_as(stack, as_sudo)
        # Whoever reads the person's secrets; every other part has a user id of its own.
        assert f"{person}:{person}" == stack.inspect("secrets", "{{.Config.User}}")
        assert first == up_as(stack, as_person)
        assert first == up_as(stack, as_root)
        assert first == up_as(stack, as_person)
        assert 0 == stack.tool("down").returncode
    finally:
        stack.prefix, stack.extra_environment = as_root
        stack.remove()


Way = tuple[tuple[str, ...], dict[str, str]]


def up_as(stack: Stack, way: Way) -> dict[str, str]:
    stack.prefix, stack.extra_environment = way
    stack.up()
    return state(stack)
