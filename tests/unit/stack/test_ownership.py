"""A project belongs to one folder, also while nothing of it runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.stack import ownership
from tools.stack.console import StackError
from tools.stack.images import SUBSTITUTES

HERE = Path("/srv/one")
THERE = Path("/srv/two")


def docker(*words: str, text: str = "") -> str:
    done = subprocess.run(
        ["docker", *words], input=text, text=True, capture_output=True, check=True, cwd="/"
    )
    return done.stdout


@pytest.fixture
def project() -> Iterator[str]:
    name = f"dreamos-owner-{os.getpid()}"
    yield name
    volumes = docker("volume", "ls", "-q", "--filter", f"name={name}").split()
    subprocess.run(["docker", "volume", "rm", *volumes], capture_output=True, check=False)


def with_data(project: str) -> None:
    label = f"com.docker.compose.project={project}"
    docker("volume", "create", "--label", label, f"{project}_metrics-data")


def test_a_project_without_anything_belongs_to_nobody(project: str) -> None:
    assert "" == ownership.owner_of(project)
    ownership.check(project, HERE)


def test_data_alone_keeps_others_out_and_both_folders_are_named(project: str) -> None:
    ownership.claim(project, HERE)
    with_data(project)

    with pytest.raises(StackError) as refusal:
        ownership.claim(project, THERE)

    for said in ("/srv/one", "/srv/two", "COMPOSE_PROJECT_NAME", "ADOPT=1 make up"):
        assert said in str(refusal.value)
    assert str(HERE) == ownership.owner_of(project)


def test_the_folder_itself_comes_in_again(project: str) -> None:
    ownership.claim(project, HERE)
    with_data(project)

    ownership.claim(project, HERE)

    assert str(HERE) == ownership.owner_of(project)


def test_who_is_told_to_adopt_does(project: str) -> None:
    ownership.claim(project, HERE)
    with_data(project)

    ownership.claim(project, THERE, adopt=True)

    assert str(THERE) == ownership.owner_of(project)
    with pytest.raises(StackError, match="/srv/two"):
        ownership.check(project, HERE)


def test_of_two_that_start_at_the_same_moment_the_first_has_it(project: str) -> None:
    ownership.check(project, HERE)
    ownership.check(project, THERE)
    ownership.claim(project, HERE)

    with pytest.raises(StackError, match="/srv/one"):
        ownership.claim(project, THERE)


def test_an_old_mark_without_data_keeps_nobody_out(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ownership.claim(project, HERE)
    monkeypatch.setattr(ownership, "NEW_SECONDS", 0.0)

    ownership.claim(project, THERE)
    with_data(project)

    assert str(THERE) == ownership.owner_of(project)


def test_containers_of_a_version_without_marks_name_their_folder(
    project: str, tmp_path: Path
) -> None:
    service = {
        "image": SUBSTITUTES["PYTHON_IMAGE"].tag,
        "network_mode": "none",
        "command": ["true"],
    }
    document = json.dumps({"services": {"one": service}})
    compose = ["compose", "-p", project, "--project-directory", str(tmp_path), "-f", "-"]
    docker(*compose, "create", text=document)
    try:
        with pytest.raises(StackError, match=str(tmp_path)):
            ownership.check(project, HERE)
    finally:
        docker(*compose, "down", text=document)
