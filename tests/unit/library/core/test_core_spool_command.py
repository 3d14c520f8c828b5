"""``python -m tools.spool``: what it shows, what it sends, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreamos_metrics.spool import spool_folder
from dreamos_metrics.spool.values_file import FileStorage
from tests.unit.library.core.test_core_survival import COUNT, LINE, run, unused_url
from tests.unit.library.core.wire import Receiver
from tools.spool import main


def arguments(command: str, folder: Path, *more: str) -> list[str]:
    return [command, "--folder", str(folder), *more]


def test_list_tells_running_killed_ended_and_set_aside_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = {"url": "http://127.0.0.1:1", "job": "night", "agent": "Agent-7"}
    running = FileStorage(tmp_path, {**header, "incarnation": "running"})
    killed = FileStorage(tmp_path, {**header, "incarnation": "killed"})
    for store in (running, killed):
        store.open()
    killed.abandon()
    spool_folder.write_final(tmp_path, {**header, "incarnation": "ended"}, 3, b"# EOF\n")
    (tmp_path / "odd.live").write_bytes(b"odd")
    assert 1 == main(arguments("list", tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert 1 == sum("running.live  of a running process" in line for line in lines)
    assert 1 == sum("killed.live  night/Agent-7: killed" in line for line in lines)
    assert 1 == sum("ended.final  night/Agent-7: ended while" in line for line in lines)
    assert 1 == sum("odd.refused  set aside" in line for line in lines)
    assert lines[-1].startswith("2 waiting, 1 set aside")
    running.remove()


def test_send_delivers_each_to_where_it_was_meant_for(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, tmp_path / "other"):  # in one, the second would send for the first
        run(COUNT + "import os; os.kill(os.getpid(), 9)", receiver.url, folder)
    for left in (tmp_path / "other").iterdir():
        left.rename(tmp_path / left.name)
    (tmp_path / "other").rmdir()
    assert 0 == main(arguments("send", tmp_path))
    assert "2 sent, 0 refused and set aside, 0 left\n" == capsys.readouterr().out
    # What they pushed while they lived is not final.
    assert [1000, 1000] == [push.value(LINE) for push in receiver.pushes if push.final]
    assert 0 == main(arguments("list", tmp_path))


def test_send_says_what_is_left_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(COUNT, unused_url(), tmp_path)
    assert 1 == main(arguments("send", tmp_path))
    shown = capsys.readouterr()
    assert "0 sent, 0 refused and set aside, 1 left\n" == shown.out
    assert "ConnectionRefusedError" in shown.err


def test_what_the_service_refuses_for_good_is_set_aside_and_a_wrong_token_is_not(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(COUNT, unused_url(), tmp_path)
    receiver.answer = lambda push: (401, {}, "token missing")
    assert 1 == main(arguments("send", tmp_path, "--url", receiver.url))
    assert "401: token missing" in capsys.readouterr().err
    receiver.answer = lambda push: (400, {}, "line 1: no")
    assert 0 == main(arguments("send", tmp_path, "--url", receiver.url))
    assert "0 sent, 1 refused and set aside, 0 left\n" == capsys.readouterr().out


def test_a_token_file_is_used_and_a_missing_one_named(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = tmp_path / "spool"
    run(COUNT, unused_url(), spool)
    token = tmp_path / "token"
    more = ("--url", receiver.url, "--token-file", str(token))
    assert 2 == main(arguments("send", spool, *more))
    assert str(token) in capsys.readouterr().err
    token.write_text("s3cret\n")
    assert 0 == main(arguments("send", spool, *more))
    assert "Bearer s3cret" == receiver.pushes[-1].headers["authorization"]


@pytest.mark.parametrize(
    "wrong", [["--url", "localhost"], ["--timeout", "soon"], ["--timeout", "0"], ["--nonsense"]]
)
def test_a_wrong_argument_is_explained(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments("send", tmp_path, *wrong))
    assert 2 == ended.value.code
    assert wrong[0] in capsys.readouterr().err


def test_a_folder_that_does_not_exist_has_nothing_to_send(tmp_path: Path) -> None:
    assert 0 == main(arguments("send", tmp_path / "nowhere"))
