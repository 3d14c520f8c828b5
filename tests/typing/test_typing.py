"""The library's types hold: for its own code, and for an agent that uses every public name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import dreamos.core.metrics as metrics
from dreamos.core.metrics import files, logs, testing

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLE = HERE / "every_public_name.py"


def test_mypy_strict_has_nothing_to_say_about_a_file_that_uses_every_public_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", str(SAMPLE)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr), done.stdout


def test_that_file_really_uses_every_public_name() -> None:
    tree = ast.parse(SAMPLE.read_text(encoding="utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    public = {*metrics.__all__, *files.__all__, *logs.__all__, *testing.__all__} - {"Delta"}
    assert set() == public - used


def test_a_wrong_use_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from dreamos.core.metrics import current_agent, files, queue\n"
        "files.write_text('a', 3)\n"
        "queue('inbox').processed('maybe')\n"
        "current_agent().task('a')(lambda: 1).nothing\n"
        "@current_agent().task('a')\n"
        "def double(number: int) -> int: return 2 * number\n"
        "double('x')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", str(wrong)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line.split(":")[1] for line in done.stdout.splitlines() if "wrong.py" in line]
    assert ["2", "3", "4", "7"] == lines, done.stdout


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(metrics.__file__).parent / "py.typed").exists()
