from __future__ import annotations

import os
import shutil
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import pytest

from services.metrics.observer.probes.checks import check
from services.metrics.observer.probes.config import Probe, ProbeFileError, parse
from services.metrics.observer.probes.connection import expiry
from services.metrics.observer.probes.result import REASONS, ProbeResult
from tests.unit.observer.servers import (
    babbling,
    certificate,
    dripping,
    http_answer,
    name_server,
    serving,
    silent,
)
from tools.waiting import eventually

NEVER = threading.Event()
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


def http(port: int, path: str = "/", timeout: float = 30.0, **rest: object) -> ProbeResult:
    target = f"http://127.0.0.1:{port}{path}"
    return check(Probe("it", "http", target, timeout=timeout, **rest), NEVER)  # type: ignore[arg-type]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_good_answer_is_up() -> None:
    with serving(http_answer("204 No Content")) as port:
        assert ProbeResult() == http(port)


@pytest.mark.parametrize("status", ["301 Moved", "404 Not Found", "503 Unavailable"])
def test_another_status_is_down_with_the_status_told(status: str) -> None:
    with serving(http_answer(status, headers="Location: /elsewhere\r\n")) as port:
        assert ("status", f"status {status[:3]}") == (http(port).reason, http(port).detail)


def test_an_expected_status_is_up_whatever_it_is() -> None:
    with serving(http_answer("401 Unauthorized")) as port:
        assert http(port, expect_status=(401, 403)).up


def test_an_answer_without_the_expected_words_is_down() -> None:
    with serving(http_answer("200 OK", '{"status": "degraded"}')) as port:
        assert "content" == http(port, expect='"status": "healthy"').reason
        assert http(port, expect="degraded|healthy").up


def test_a_closed_port_is_refused() -> None:
    assert "refused" == http(closed_port()).reason


def test_a_name_that_nobody_knows_is_a_dns_fault() -> None:
    assert "dns" == check(Probe("it", "http", "http://nobody.invalid/"), NEVER).reason


def test_a_server_that_says_nothing_is_a_timeout() -> None:
    with serving(silent) as port:
        assert "timeout" == http(port, timeout=0.1).reason


def test_a_server_that_drips_for_ever_is_a_timeout_too() -> None:
    with serving(dripping) as port:
        assert "timeout" == http(port, timeout=0.3).reason


def test_an_answer_that_is_no_http_is_a_protocol_fault() -> None:
    with serving(babbling) as port:
        assert "protocol" == http(port).reason


def test_headers_and_the_token_of_a_file_are_sent(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def talk(peer: socket.socket, _ended: threading.Event) -> None:
        asked.append(peer.recv(4096))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    (tmp_path / "token").write_text("opensesame\n")
    with serving(talk) as port:
        found = http(
            port, "/a?b=c", headers={"X-Team": "swarm"}, token_file=str(tmp_path / "token")
        )
    assert found.up
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"X-Team: swarm\r\n" in asked[0]
    assert b"Authorization: Bearer opensesame\r\n" in asked[0]


def test_a_token_file_that_is_gone_is_told_without_its_path(tmp_path: Path) -> None:
    with serving(http_answer("200 OK")) as port:
        found = http(port, token_file=str(tmp_path / "gone"))
    assert "error" == found.reason
    assert str(tmp_path) not in found.detail


@needs_openssl
def test_a_good_certificate_is_up_and_its_end_is_told(tmp_path: Path) -> None:
    made = certificate(tmp_path, "20240101000000Z", "20491231235959Z")
    with serving(http_answer("200 OK"), made) as port:
        probe = Probe("it", "http", f"https://localhost:{port}/", ca_file=str(made[0]))
        assert ProbeResult(expiry=2524607999.0) == check(probe, NEVER)


@needs_openssl
@pytest.mark.parametrize(
    ("end", "stamp"), [("20240201000000Z", 1706745600.0), ("20600101000000Z", 2840140800.0)]
)
def test_the_end_of_a_refused_certificate_is_told_all_the_same(
    tmp_path: Path, end: str, stamp: float
) -> None:
    """The first has run out, the second is not known to anybody; 2060 is written in the other notation."""
    made = certificate(tmp_path, "20240101000000Z", end)
    with serving(silent, made) as port:
        found = check(Probe("it", "http", f"https://127.0.0.1:{port}/"), NEVER)
    assert ("tls", stamp) == (found.reason, found.expiry)


@needs_openssl
def test_verification_can_be_switched_off(tmp_path: Path) -> None:
    made = certificate(tmp_path, "20240101000000Z", "20240201000000Z")
    with serving(http_answer("200 OK"), made) as port:
        probe = Probe("it", "http", f"https://127.0.0.1:{port}/", verify=False)
        assert ProbeResult(expiry=1706745600.0) == check(probe, NEVER)


def test_plain_text_where_tls_is_expected_is_a_tls_fault() -> None:
    with serving(babbling) as port:
        assert "tls" == check(Probe("it", "http", f"https://127.0.0.1:{port}/"), NEVER).reason


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x82\xff\xff\x30", b"\x30\x03\x30\x01\x02" * 9]
)
def test_what_is_no_certificate_has_no_end(data: bytes) -> None:
    assert expiry(data) is None


def pong(peer: socket.socket, _ended: threading.Event) -> None:
    if peer.recv(4096) == b"PING\r\n":
        for byte in b"+PONG\r\n":
            peer.sendall(bytes([byte]))


def test_a_tcp_port_that_is_open_is_up() -> None:
    with serving(silent) as port:
        assert ProbeResult() == check(Probe("it", "tcp", f"127.0.0.1:{port}"), NEVER)


@pytest.mark.parametrize(("expect", "reason"), [(r"\+PONG\r\n", ""), ("NOAUTH", "content")])
def test_a_tcp_conversation_must_go_as_expected(expect: str, reason: str) -> None:
    with serving(pong) as port:
        probe = Probe("it", "tcp", f"127.0.0.1:{port}", send="PING\r\n", expect=expect)
        assert reason == check(probe, NEVER).reason


def test_a_tcp_port_that_says_nothing_when_it_should_is_a_timeout() -> None:
    with serving(silent) as port:
        probe = Probe("it", "tcp", f"127.0.0.1:{port}", expect="hello", timeout=0.1)
        assert "timeout" == check(probe, NEVER).reason


def reply(question: bytes, *addresses: str, rcode: int = 0) -> bytes:
    head = question[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(addresses), 0, 0)
    records = b"".join(
        b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(a) for a in addresses
    )
    return head + question[12:] + records


def dns(port: int, expect: str = "", timeout: float = 30.0) -> ProbeResult:
    probe = Probe(
        "it", "dns", "model.example", server=f"127.0.0.1:{port}", expect=expect, timeout=timeout
    )
    return check(probe, NEVER)


def test_a_name_server_is_asked_for_the_name() -> None:
    asked: list[bytes] = []

    def answer(question: bytes) -> bytes:
        asked.append(question)
        return reply(question, "192.0.2.7", "192.0.2.8")

    with name_server(answer) as port:
        assert dns(port).up
        assert dns(port, expect="192.0.2.8").up
        assert "content" == dns(port, expect="192.0.2.9").reason
    assert asked[0][12:] == b"\x05model\x07example\x00\x00\x01\x00\x01"


def test_a_name_that_the_server_does_not_know_is_down() -> None:
    with name_server(lambda q: reply(q, rcode=3)) as port:
        assert ("dns", "no such name") == (dns(port).reason, dns(port).detail)
    with name_server(lambda q: reply(q)) as port:
        assert "dns" == dns(port).reason


def test_an_answer_to_another_question_is_not_taken() -> None:
    with name_server(lambda q: reply(bytes([q[0] ^ 1]) + q[1:], "192.0.2.7")) as port:
        assert "timeout" == dns(port, timeout=0.1).reason


@pytest.mark.parametrize("cut", [13, 20, 33, 40, 44])
def test_an_answer_that_breaks_off_is_a_protocol_fault(cut: int) -> None:
    with name_server(lambda q: reply(q, "192.0.2.7")[:cut]) as port:
        assert "protocol" == dns(port).reason


def test_an_answer_that_is_too_long_for_a_datagram_is_asked_for_again_over_tcp() -> None:
    def over_tcp(peer: socket.socket, _ended: threading.Event) -> None:
        question = peer.recv(4096)[2:]
        whole = reply(question, "192.0.2.9")
        peer.sendall(struct.pack(">H", len(whole)) + whole)

    with serving(over_tcp) as port, name_server(truncated, port=port):
        assert dns(port, expect="192.0.2.9").up


def truncated(question: bytes) -> bytes:
    whole = reply(question)
    return whole[:2] + struct.pack(">H", 0x8380) + whole[4:]


def test_a_name_that_no_server_could_know_is_refused_when_it_is_read() -> None:
    entry = {"name": "it", "kind": "dns", "target": "a" * 64 + ".example"}
    with pytest.raises(ProbeFileError, match="probe it: target must be a host name"):
        parse({"probes": [entry]})


def test_the_systems_own_resolver_is_asked_without_a_server() -> None:
    assert check(Probe("it", "dns", "localhost", expect="127.0.0.1"), NEVER).up
    assert "dns" == check(Probe("it", "dns", "nobody.invalid"), NEVER).reason


def test_a_file_is_judged_by_its_age(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    assert "missing" == check(Probe("it", "file", str(file)), NEVER).reason
    file.touch()
    assert check(Probe("it", "file", str(file), max_age=60), NEVER).up
    os.utime(file, (0, time.time() - 120))
    assert "stale" == check(Probe("it", "file", str(file), max_age=60), NEVER).reason


@pytest.mark.parametrize(("code", "reason"), [("0", ""), ("3", "exit")])
def test_a_command_is_judged_by_its_exit(code: str, reason: str) -> None:
    command = (sys.executable, "-c", f"raise SystemExit({code})")
    assert reason == check(Probe("it", "command", command=command), NEVER).reason


def test_a_command_that_is_not_there_is_missing() -> None:
    assert "missing" == check(Probe("it", "command", command=("/no/such",)), NEVER).reason


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child in /proc")
def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {told}.new; mv {told}.new {told}; wait"
    for timeout in (0.5, 5, 30):  # as much as a busy machine needs to get as far as the pid
        probe = Probe("it", "command", command=("/bin/sh", "-c", script), timeout=timeout)
        assert "timeout" == check(probe, NEVER).reason
        if told.exists():
            break
    eventually(lambda: not alive(int(told.read_text())))


def test_a_command_ends_when_the_service_stops() -> None:
    stopping = threading.Event()
    stopping.set()
    probe = Probe("it", "command", command=("sleep", "3600"), timeout=3600)
    assert "timeout" == check(probe, stopping).reason  # long before the end of the test


def test_every_reason_is_one_of_the_fixed_set() -> None:
    with serving(silent) as port:
        found = check(Probe("it", "tcp", f"127.0.0.1:{port}", expect="(", timeout=30), NEVER)
    assert "error" == found.reason
    assert found.reason in REASONS
