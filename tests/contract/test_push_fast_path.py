"""Pushes on one connection, again and again: the fast path says what the route says."""

from __future__ import annotations

import gzip
import http.client
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Running

PATH = "/metrics/job/{}/agent/A/incarnation/1"


class Line:
    """One kept-alive connection to a service."""

    def __init__(self, service: Running) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)

    def push(
        self, path: str, body: bytes, method: str = "PUT", **headers: str
    ) -> http.client.HTTPResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, names)
        answer = self._connection.getresponse()
        answer.reason = answer.read().decode()
        return answer

    @property
    def port(self) -> int:
        return int(self._connection.sock.getsockname()[1])

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def line(shared: Running) -> Iterator[Line]:
    made = Line(shared)
    yield made
    made.close()


def counter(value: float) -> bytes:
    return f"# TYPE t_total counter\nt_total {value}\n".encode()


def test_repeated_pushes_on_one_connection_are_all_taken(shared: Running, line: Line) -> None:
    path = PATH.format("again")
    for value in range(1, 30):
        answer = line.push(path, counter(value), Dreamos_Sequence=str(value))
        assert (200, "accepted") == (answer.status, answer.headers["Dreamos-Result"])
        assert value == shared.value("t_total", job="again")
    stale = line.push(path, counter(1), Dreamos_Sequence="3")
    assert (200, "stale") == (stale.status, stale.headers["Dreamos-Result"])
    assert 29 == shared.value("t_total", job="again")


def test_what_changes_on_the_way_is_seen(shared: Running, line: Line) -> None:
    path = PATH.format("changes")
    line.push(path, counter(1))
    assert 200 == line.push(path, gzip.compress(counter(2)), Content_Encoding="gzip").status
    assert 2 == shared.value("t_total", job="changes")
    assert 200 == line.push(path, counter(3) + b"# TYPE g gauge\ng 1\n").status
    assert (3, 1) == (shared.value("t_total", job="changes"), shared.value("g", job="changes"))
    assert 400 == line.push(path, b"t_total\n").status
    left_out = line.push(path, counter(-1))
    assert (200, "1") == (left_out.status, left_out.headers["Dreamos-Rejected"])
    assert 3 == shared.value("t_total", job="changes")
    assert 200 == line.push(path, counter(9), Dreamos_Final="1").status
    assert None is shared.value("g", job="changes")
    assert "stale" == line.push(path, counter(10)).headers["Dreamos-Result"]
    assert 9 == shared.value("t_total", job="changes")


def test_values_alone_are_taken_and_unknown_lists_refused(shared: Running, line: Line) -> None:
    path = PATH.format("values")
    name = line.push(path, counter(1)).headers["Dreamos-Series-List"]
    kind = {"Content_Type": "application/vnd.dreamos.values"}
    for value in (2, 3):
        answer = line.push(path, struct.pack("<d", value), Dreamos_Series_List=name, **kind)
        assert 200 == answer.status
        assert value == shared.value("t_total", job="values")
    assert 409 == line.push(path, struct.pack("<d", 9), Dreamos_Series_List="x", **kind).status
    assert 400 == line.push(path, b"short", Dreamos_Series_List=name, **kind).status
    # The text that is sent then tells which family it is.
    assert 409 == line.push(path, struct.pack("<d", -1), Dreamos_Series_List=name, **kind).status
    assert 3 == shared.value("t_total", job="values")


def test_a_plain_group_keeps_what_a_post_does_not_name(shared: Running, line: Line) -> None:
    path = "/metrics/job/fast-post"
    line.push(path, b"# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n")
    for value in (2, 3):
        assert 200 == line.push(path, f"# TYPE b gauge\nb {value}\n".encode(), "POST").status
    assert (1, 3) == (shared.value("a", job="fast-post"), shared.value("b", job="fast-post"))


def test_a_request_may_arrive_in_pieces_or_several_at_once(shared: Running) -> None:
    body = counter(5)
    request = (
        f"PUT {PATH.format('pieces')} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as raw:
        reader = raw.makefile("rb")
        for cut in (len(request), 1, 10, 40, len(request) - 3):
            raw.sendall(request[:cut])
            if cut < len(request):
                raw.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    raw.recv(1, socket.MSG_PEEK)
                raw.settimeout(60)
                raw.sendall(request[cut:])
            assert b"HTTP/1.1 200 OK\r\n" == _answer(reader)[0]
        raw.sendall(request * 3)
        for _ in range(3):
            assert b"HTTP/1.1 200 OK\r\n" == _answer(reader)[0]
    assert 5 == shared.value("t_total", job="pieces")


def _answer(reader: object) -> list[bytes]:
    lines: list[bytes] = []
    while not lines or lines[-1] != b"\r\n":
        lines.append(reader.readline())  # type: ignore[attr-defined]
        assert lines[-1]
    return lines


def test_the_token_is_asked_for_on_every_request(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "push").write_text("the-token\n")
    service = launch(METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"))
    line, path = Line(service), PATH.format("token")
    right, wrong = {"Authorization": "Bearer the-token"}, {"Authorization": "Bearer other"}
    for headers, status in ((right, 200), (right, 200), (wrong, 401), ({}, 401), (right, 200)):
        assert status == line.push(path, counter(status), **headers).status
    assert 200 == service.value("t_total", job="token")
    assert 2 == service.value("dreamos_auth_failures_total", kind="push")
    assert 3 == service.value("dreamos_ingest_pushes_total", outcome="accepted")
    line.close()
