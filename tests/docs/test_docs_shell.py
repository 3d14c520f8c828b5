"""Shell wherever it stands: in pages, in the Compose file, in files; shellcheck finds nothing in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.documents import ROOT, name_of, pages, tokens

SHELLS = {"bash", "sh", "shell"}
# A page's example is a part of something: a variable may be yours, a file may not be here.
OF_PAGES = "--exclude=SC1091,SC2034,SC2154"


def _of_pages() -> Iterator[tuple[str, str]]:
    for page in pages():
        for token in tokens(page):
            if token.type == "fence" and token.info.split(" ")[0] in SHELLS:
                assert token.map is not None
                yield f"{name_of(page)}:{token.map[0] + 1}", token.content


def _of_compose() -> Iterator[tuple[str, str]]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        match service.get("entrypoint"):
            case [("sh" | "/bin/sh"), "-c", script]:
                yield f"docker-compose.yml:{name}", script.replace("$$", "$")
        match service.get("healthcheck", {}).get("test"):
            case ["CMD-SHELL", script]:
                yield f"docker-compose.yml:{name}", script.replace("$$", "$")


def _shellcheck(script: str, *options: str) -> str:
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    assert program, "make venv"
    command = [program, "--color=never", *options, "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(("where", "script"), [pytest.param(*it, id=it[0]) for it in _of_pages()])
def test_shell_on_a_page_is_right(where: str, script: str) -> None:
    assert "" == _shellcheck(script, "--shell=bash", OF_PAGES), where


@pytest.mark.parametrize(("where", "script"), [pytest.param(*it, id=it[0]) for it in _of_compose()])
def test_shell_in_the_compose_file_is_right(where: str, script: str) -> None:
    assert "" == _shellcheck(script, "--shell=sh"), where


def test_shell_is_found_in_both() -> None:
    assert 5 <= len(list(_of_pages()))
    assert 2 <= len(list(_of_compose()))


def test_what_is_wrong_is_found() -> None:
    assert "SC2086" in _shellcheck("rm $1\n", "--shell=sh")
