"""Large answers: a slow reader gets them whole and of one time."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

import pytest

from tests.contract.conftest import Running
from tests.unit.service.protobuf_reader import read

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
FORMATS = ("text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0", PROTOBUF)
SERIES = 40_000
"""As text and as messages they are several times what a connection takes at once."""


@pytest.fixture
def service(launch: Callable[..., Running]) -> Running:
    return launch(METRICS_MAX_SERIES=str(SERIES + 10))


def push(service: Running, value: int) -> None:
    rows = "".join(f'big{{n="{number:06d}"}} {value}\n' for number in range(SERIES))
    answer = service.push("big/agent/A/incarnation/1", "# TYPE big gauge\n" + rows)
    assert 200 == answer.status


def asked(service: Running, accept: str, version: str = "1.1") -> socket.socket:
    """Ask for a scrape and read nothing yet."""
    line = socket.create_connection(("127.0.0.1", service.port), 60)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    head = (
        f"GET /metrics HTTP/{version}\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    line.sendall(head.encode())
    return line


def answer_on(line: socket.socket) -> bytes:
    answer = http.client.HTTPResponse(line)
    answer.begin()
    body = answer.read()
    assert b"" == line.recv(1)
    return body


def values_in(body: bytes, accept: str) -> list[float]:
    if accept == PROTOBUF:
        return [value for (name, _), value in read(body)[1].items() if name == "big"]
    rows = body.decode().splitlines()
    return [float(row.rpartition(" ")[2]) for row in rows if row.startswith("big{")]


@pytest.mark.parametrize("accept", FORMATS)
def test_what_a_slow_reader_gets_is_not_changed_by_scrapes_after_it(
    service: Running, accept: str
) -> None:
    push(service, 1)
    with asked(service, accept) as slow:
        assert b"H" == slow.recv(1, socket.MSG_PEEK)  # rendered, and begun
        push(service, 2)
        with asked(service, accept) as other:
            assert [2.0] * SERIES == values_in(answer_on(other), accept)
        assert [1.0] * SERIES == values_in(answer_on(slow), accept)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_both_versions_of_http_get_the_same(service: Running, version: str) -> None:
    push(service, 3)
    with asked(service, PROTOBUF, version) as line:
        assert [3.0] * SERIES == values_in(answer_on(line), PROTOBUF)


def test_a_client_that_leaves_in_the_middle_takes_nothing_along(service: Running) -> None:
    push(service, 4)
    for _ in range(20):
        with asked(service, PROTOBUF) as line:
            assert b"H" == line.recv(1)
    with asked(service, PROTOBUF) as line:
        assert [4.0] * SERIES == values_in(answer_on(line), PROTOBUF)
