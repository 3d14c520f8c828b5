"""A spool folder with anything in it: what cannot be sent never holds up what can."""

from __future__ import annotations

import gzip
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from dreamos_metrics.push import spool_delivery
from dreamos_metrics.spool import spool_folder
from dreamos_metrics.spool.layout import HEAD, LENGTH, MAGIC, MIN_BLOCK_BYTES
from tests.unit.library.core.test_core_survival import COUNT, run
from tests.unit.library.core.wire import Push, Receiver
from tools.spool import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners, links and pipes")

BODY = gzip.compress(b"# EOF\n")


def header(**more: object) -> dict[str, object]:
    names = {"job": "J", "agent": "A", "incarnation": "i", "sequence": 3}
    return {**names, "url": "http://127.0.0.1:1", **more}


def final(first: object, body: bytes = BODY) -> bytes:
    return json.dumps(first).encode() + b"\n" + body


def live(*records: Any, first: object = None, sequence: int = 1) -> bytes:
    text = json.dumps(header() if first is None else first).encode()
    data = HEAD.pack(MAGIC, sequence, MIN_BLOCK_BYTES, len(text)) + text
    for record in records:
        payload = json.dumps(record).encode()
        data += LENGTH.pack(len(payload)) + payload
    return data.ljust(MIN_BLOCK_BYTES, b"\0")


FAMILY = ["f", "a", "counter", "d", "", "", ["l"], []]
POISON = {
    "no number.final": final(header(sequence=None)),
    "number in words.final": final(header(sequence="three")),
    "half a number.final": final(header(sequence=1.5)),
    "number below.final": final(header(sequence=-4)),
    "number too large.final": final(header(sequence=10**30)),
    "number true.final": final(header(sequence=True)),
    "infinite.final": final(header()).replace(b": 3", b": Infinity"),
    "no table.final": final([1, 2]),
    "nothing.final": b"",
    "no json.final": b"{" * 100_000,
    "deep.final": b'{"a":' + b"[" * 60_000,
    "number as job.final": final(header(job=7)),
    "no agent.final": final(header(agent="")),
    "long incarnation.final": final(header(incarnation="i" * 65)),
    "end in words.final": final(header(ended="yesterday")),
    "end nowhere.final": final(header()).replace(b'"sequence": 3', b'"sequence": 3, "ended": NaN'),
    "not packed.final": final(header(), b"# EOF\n"),
    "cut off.final": final(header(), BODY[:-6]),
    "bomb.final": final(header(), gzip.compress(bytes(70 << 20), 9)),
    "not utf-8.final": b"\xff\xfe{}\n" + BODY,
    "nothing.live": b"",
    "zeros.live": bytes(20_000),
    "list as header.live": live(first=[1]),
    "null header.live": live(first=None, sequence=1).replace(b"{", b"[", 1),
    "sequence too large.live": live(sequence=2**64 - 1),
    "unknown record.live": live(["x", 1]),
    "record is a number.live": live(7),
    "empty record.live": live([]),
    "kind unknown.live": live(["f", "a", "wonder", "d", "", "", [], []], ["s", 0, 64]),
    "kind is null.live": live(["f", "a", None, "d", "", "", [], []], ["s", 0, 64]),
    "bounds in words.live": live(["f", "a", "histogram", "d", "", "", [], ["x"]], ["s", 0, 64]),
    "bounds null.live": live(["f", "a", "histogram", "d", "", "", [], [None]], ["s", 0, 64]),
    "no bounds.live": live(["f", "a", "histogram", "d", "", "", [], []], ["s", 0, 64]),
    "documentation null.live": live(["f", "a", "counter", None, "", "", [], []], ["s", 0, 64]),
    "place outside.live": live(FAMILY, ["s", 0, 10**9, "x"]),
    "place before.live": live(FAMILY, ["s", 0, -8, "x"]),
    "place in words.live": live(FAMILY, ["s", 0, "x", "x"]),
    "family before.live": live(FAMILY, ["s", -1, 64, "x"]),
    "family unknown.live": live(FAMILY, ["s", 5, 64, "x"]),
    "labels too few.live": live(FAMILY, ["s", 0, 64]),
    "label is a number.live": live(FAMILY, ["s", 0, 64, 5]),
    "slots without end.live": live(
        ["f", "a", "histogram", "d", "", "", ["l"], list(range(1000))],
        *[["s", 0, 64, str(n)] for n in range(3)],
    ),
    "half a record.live": live(FAMILY)[:100] + struct.pack("<I", 10**9) + bytes(1000),
}


def put_good(folder: Path, url: str, name: str = "good") -> None:
    facts = {"url": url, "job": "J", "agent": "A", "incarnation": name}
    spool_folder.write_final(folder, facts, 3, b"# EOF\n")


@pytest.mark.parametrize("name", POISON)
def test_poison_is_set_aside_and_the_others_arrive(
    receiver: Receiver, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(POISON[name])
    os.utime(tmp_path / name, (1, 1))
    put_good(tmp_path, receiver.url)
    report = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=60, any_url=True)
    assert "" == report.problem
    assert "good" == receiver.pushes[-1].incarnation
    assert [] == spool_folder.waiting(tmp_path), "set aside, or sent for what it is"


def answering(status: int) -> Any:
    def answer(push: Push) -> tuple[int, dict[str, str], str]:
        return (200 if push.incarnation == "good" else status), {}, "no"

    return answer


@pytest.mark.parametrize(
    "status", [302, 400, 404, 405, 408, 409, 413, 414, 415, 418, 422, 429, 431]
)
def test_an_entry_that_is_never_taken_does_not_hold_up_the_others(
    receiver: Receiver, tmp_path: Path, status: int
) -> None:
    receiver.answer = answering(status)
    for number in range(3):
        put_good(tmp_path, receiver.url, f"bad{number}")
    put_good(tmp_path, receiver.url)
    report = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=60)
    assert "" == report.problem
    assert {"bad0", "bad1", "bad2", "good"} == {push.incarnation for push in receiver.pushes}
    assert not (tmp_path / "good.final").exists()


@pytest.mark.parametrize("status", [401, 403, 500, 502, 503])
def test_an_answer_that_all_would_get_ends_the_round(
    receiver: Receiver, tmp_path: Path, status: int
) -> None:
    receiver.answer = lambda push: (status, {}, "no")
    for number in range(3):
        put_good(tmp_path, receiver.url, f"bad{number}")
    report = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=60)
    assert (1, 3) == (len(receiver.pushes), report.left)
    assert report.problem.startswith(str(status))


def test_those_that_were_put_off_wait_behind_all_others(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = answering(429)
    for number in range(60):
        put_good(tmp_path, receiver.url, f"bad{number}")
        os.utime(tmp_path / f"bad{number}.final", (1000 + number, 1000 + number))
    put_good(tmp_path, receiver.url)
    os.utime(tmp_path / "good.final", (5000, 5000))
    first = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=60)
    assert (50, 0) == (first.put_off, first.sent), "a round has an end"
    second = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=60)
    assert 1 == second.sent
    assert 1000 > (tmp_path / "bad7.final").stat().st_mtime - 1000, "its age stays what it was"


def test_links_pipes_and_folders_are_neither_followed_nor_waited_for(
    receiver: Receiver, tmp_path: Path
) -> None:
    spool, elsewhere = tmp_path / "spool", tmp_path / "elsewhere"
    spool.mkdir(mode=0o700)
    elsewhere.mkdir(mode=0o700)
    put_good(elsewhere, receiver.url, "other")
    (spool / "link.final").symlink_to(elsewhere / "other.final")
    os.mkfifo(spool / "pipe.final")
    (spool / "folder.final").mkdir()
    (spool / "device.live").symlink_to("/dev/zero")
    put_good(spool, receiver.url)
    report = spool_delivery.send_spooled(spool, receiver.url, "", seconds=60)
    assert (1, 0) == (report.sent, report.refused)
    assert ["good"] == [push.incarnation for push in receiver.pushes]
    assert (elsewhere / "other.final").exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_can_write_is_refused(
    receiver: Receiver, tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    put_good(spool, receiver.url)
    spool.chmod(mode)
    done = run(COUNT, receiver.url, spool)
    assert 0 == done.returncode
    assert 1 == done.stderr.count("no_spool")
    assert "chmod 700" in done.stderr
    assert ["A"] == sorted({push.path.split("/")[5] for push in receiver.pushes})
    assert "good" not in {push.incarnation for push in receiver.pushes}
    assert 2 == main(["send", "--folder", str(spool)])
    assert "chmod 700" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives away")
def test_a_folder_and_a_file_of_another_owner_are_refused(
    receiver: Receiver, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    put_good(spool, receiver.url, "foreign")
    os.chown(spool / "foreign.final", 12345, 12345)
    put_good(spool, receiver.url)
    assert 1 == spool_delivery.send_spooled(spool, receiver.url, "", seconds=60).sent
    assert ["good"] == [push.incarnation for push in receiver.pushes]
    os.chown(spool, 12345, 12345)
    with pytest.raises(PermissionError, match="another user"):
        spool_delivery.send_spooled(spool, receiver.url, "", seconds=60)
    assert "another user" in run(COUNT, receiver.url, spool).stderr
