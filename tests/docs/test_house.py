"""Files for those who work on the project: they name what is there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.documents import ROOT

BESIDE_PYTHON = Path(sys.executable).parent


def document(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def steps() -> list[str]:
    jobs = document(".github/workflows/ci.yml")["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_ci_tries_every_python_from_the_oldest_that_is_promised() -> None:
    promised = re.search(
        r'^requires-python = ">=(3\.\d+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert promised
    tried = document(".github/workflows/ci.yml")["jobs"]["linux"]["strategy"]["matrix"]["python"]
    oldest, newest = (int(version.partition(".")[2]) for version in (promised[1], tried[-1]))
    assert [f"3.{minor}" for minor in range(oldest, newest + 1)] == tried


def test_ci_runs_what_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert ".ci/run" in steps()
    for step in steps():
        words = shlex.split(step)
        if words[0] == "make":
            assert set(words[1:]) <= targets
        for word in words[1:]:
            if "/" in word or word.endswith(".txt"):
                assert (ROOT / word).exists(), word


def test_a_hook_runs_what_the_lock_brings() -> None:
    (repository,) = document(".pre-commit-config.yaml")["repos"]
    assert "local" == repository["repo"]
    for hook in repository["hooks"]:
        program = shlex.split(hook["entry"])[0]
        assert program.startswith(".venv/bin/")
        assert (BESIDE_PYTHON / Path(program).name).exists(), program


@pytest.mark.parametrize("name", ["fault", "wish"])
def test_a_form_asks_each_thing_once(name: str) -> None:
    form = document(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert fields
    assert len(fields) == len({field["id"] for field in fields})
    assert all(field["attributes"]["label"] for field in fields)
