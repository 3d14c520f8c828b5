"""Two commands on one project: the second waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools.stack import lock
from tools.stack.compose import ROOT
from tools.stack.console import StackError

HOLD = """
import sys
from pathlib import Path
from tools.stack import lock
with lock.alone(Path(sys.argv[1]), "dreamos", "make up"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert "held\n" == process.stdout.readline()
    return process


def test_the_second_waits_says_for_whom_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = holder(tmp_path)
    let_go = threading.Timer(1.0, first.communicate)
    let_go.start()

    with lock.alone(tmp_path, "dreamos", "make down"):
        assert 0 == first.wait(timeout=60)
    let_go.join()

    assert f"make up (pid {first.pid}) is at work on dreamos: waiting" in capsys.readouterr().out


def test_one_that_is_killed_holds_up_nobody(tmp_path: Path) -> None:
    first = holder(tmp_path)
    first.kill()
    first.communicate()

    with lock.alone(tmp_path, "dreamos", "make up"):
        pass


def test_another_project_waits_for_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = holder(tmp_path)
    try:
        with lock.alone(tmp_path, "other", "make up"):
            assert "" == capsys.readouterr().out
    finally:
        first.communicate()


def test_waiting_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.5)
    first = holder(tmp_path)
    try:
        with (
            pytest.raises(StackError, match=rf"pid {first.pid}\) is still at work"),
            lock.alone(tmp_path, "dreamos", "make up"),
        ):
            pass
    finally:
        first.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_sudo_makes_belongs_to_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "2345")

    with lock.alone(tmp_path / ".stack", "dreamos", "make up"):
        pass

    made = [tmp_path / ".stack", tmp_path / ".stack" / "dreamos.lock"]
    assert [(1234, 2345)] * 2 == [(p.stat().st_uid, p.stat().st_gid) for p in made]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(
            StackError, match=r"dreamos\.lock cannot be written \(Not a directory|exists"
        ),
        lock.alone(tmp_path / "file", "dreamos", "make up"),
    ):
        pass
