"""Scrapes on one connection, again and again: the fast path says what the route says."""

from __future__ import annotations

import contextlib
import http.client
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Running
from tests.unit.service.protobuf_reader import read
from tools.waiting import PATIENCE_SECONDS

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
FORMATS = ("text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0", PROTOBUF)


class Line:
    """One kept-alive connection; the first request makes the service know it."""

    def __init__(self, service: Running) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        self.get("/-/ready")

    def get(self, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, bytes]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, headers={"Accept-Encoding": "identity", **names})
        answer = self.connection.getresponse()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read()

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def line(shared: Running) -> Iterator[Line]:
    with contextlib.closing(Line(shared)) as made:
        yield made


def of_job(body: bytes, job: str) -> list[bytes]:
    return [row for row in body.splitlines() if b'job="%s"' % job.encode() in row]


@pytest.mark.parametrize("accept", FORMATS)
def test_headers_and_series_are_those_of_the_route(
    shared: Running, line: Line, accept: str
) -> None:
    shared.push("fast/agent/A/incarnation/1", "# TYPE t_total counter\nt_total 7\n")
    status, body = line.get(Accept=accept)
    fast = line.headers
    assert (200, str(len(body))) == (status, fast["content-length"])
    # A query is what the fast path leaves to the route.
    line.connection.putrequest("GET", "/metrics?x", skip_accept_encoding=True)
    line.connection.putheader("Accept", accept)
    line.connection.endheaders()
    answer = line.connection.getresponse()
    route = {name.lower(): value for name, value in answer.getheaders()}
    content = answer.read()
    for name in ("content-type", "vary", "server", "x-content-type-options"):
        assert route[name] == fast[name], name
    if accept == PROTOBUF:
        wanted = ("t_total", frozenset({("agent", "A"), ("job", "fast"), ("instance", "")}))
        assert 7 == read(body)[1][wanted] == read(content)[1][wanted]
    else:
        assert of_job(body, "fast")
        assert of_job(body, "fast") == of_job(content, "fast")


def test_every_scrape_shows_the_latest_push(shared: Running, line: Line) -> None:
    for value in range(20):
        shared.push("latest", f"g {value}\n")
        found = of_job(line.get()[1], "latest")
        assert any(row.startswith(b"g{") and row.endswith(b" %d" % value) for row in found)


def test_what_is_unusual_gets_the_answer_of_the_route(line: Line) -> None:
    assert 200 == line.get()[0]
    status, packed = line.get(Accept_Encoding="gzip")
    assert (200, "gzip") == (status, line.headers["content-encoding"])
    assert packed.startswith(b"\x1f\x8b")
    assert (200, b"") == line.get(method="HEAD")
    assert 200 == line.get("/metrics?x=1")[0]
    assert 404 == line.get("/metrics/")[0]
    assert 200 == line.get("/metrics/file")[0]
    assert 200 == line.get()[0]


def test_a_wrong_token_is_refused_counted_and_the_connection_goes_on(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("right-token-of-this-test\n")
    token.chmod(0o600)
    service = launch(METRICS_READ_TOKEN_FILE=str(token))
    with contextlib.closing(Line(service)) as line:
        _try_tokens(line)


def _try_tokens(line: Line) -> None:
    assert 401 == line.get()[0]
    assert 401 == line.get(Authorization="Bearer wrong")[0]
    status, body = line.get(Authorization="Bearer right-token-of-this-test")
    assert 200 == status
    assert b'dreamos_auth_failures_total{kind="read"} 2\n' in body
    assert 401 == line.get()[0]


def test_two_requests_sent_at_once_are_both_answered(shared: Running, line: Line) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    sock = line.connection.sock
    sock.sendall(request + request)
    sock.settimeout(60)
    raw = b""
    while raw.count(b"HTTP/1.1 200 OK") < 2:
        more = sock.recv(65_536)
        assert more
        raw += more


def test_a_reader_that_stops_gets_the_scrape_that_it_began_and_holds_nobody_up(
    shared: Running,
) -> None:
    """Its body stands in memory from which others are sent afterwards."""
    names = range(9_000)
    long = "x" * 1_500  # 14 MB, more than the buffers of both sides take

    def push(value: int) -> None:
        rows = "".join(f'slow{{n="{n}",text="{long}"}} {value}\n' for n in names)
        assert 200 == shared.push("slow", rows).status

    push(1)
    with contextlib.closing(Line(shared)) as slow:
        slow.connection.request("GET", "/metrics", headers={"Accept": PROTOBUF})
        began, _, _ = select.select([slow.connection.sock], [], [], PATIENCE_SECONDS)
        assert began, "the service does not answer"
        for value in (2, 3):
            push(value)
            for _ in range(2):
                with contextlib.closing(Line(shared)) as other:
                    status, body = other.get(Accept=PROTOBUF)
                assert 200 == status
                shown = {v for (name, _), v in read(body)[1].items() if name == "slow"}
                assert {value} == shown
        body = slow.connection.getresponse().read()
    samples = [v for (name, _), v in read(body)[1].items() if name == "slow"]
    assert [1.0] * len(names) == samples


def test_a_reader_that_leaves_in_the_middle_changes_nothing(shared: Running, line: Line) -> None:
    for _ in range(5):
        leaving = Line(shared)
        leaving.connection.request("GET", "/metrics", headers={"Accept": PROTOBUF})
        leaving.connection.sock.recv(100)
        leaving.connection.sock.close()
    assert 200 == line.get(Accept=PROTOBUF)[0]
    assert "Traceback" not in shared.log
