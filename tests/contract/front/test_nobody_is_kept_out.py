"""Clients that are slow, silent or hostile: the service answers everybody else all the while.

What is asked beside them is answered or the test fails; how fast is measured by
``benchmarks/service/crowd.py``.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.contract.conftest import Running, ask
from tools.waiting import eventually

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
BODY = "# TYPE t_total counter\nt_total 1\n"


@contextlib.contextmanager
def connections(service: Running, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that send something and then wait."""
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 20))
            one.sendall(sent)
            made.append(one)
        yield made


def everybody_is_served(service: Running) -> None:
    """Push, read and ask; each on a connection of its own."""
    assert 200 == service.push("good/agent/A/incarnation/1", BODY).status
    assert 200 == service.push("good/agent/A/incarnation/1", BODY).status
    assert 1 == service.value("t_total", job="good")
    assert 200 == ask(service.url + "/-/healthy").status


UNFINISHED = {
    "one letter": b"G",
    "half a head": b"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nContent-Le",
    "half a body": b"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nt_total",
    "half a chunk": b"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nt",
    "a body that is waited for": (
        b"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    ),
}


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED)
def test_300_connections_that_begin_and_wait_keep_nobody_out(shared: Running, sent: bytes) -> None:
    with connections(shared, 300, sent):
        everybody_is_served(shared)


def test_connections_that_send_garbage_and_do_not_close_keep_nobody_out(shared: Running) -> None:
    with connections(shared, 50, b"\x16\x03\x01" + b"garbage\r\n" * 30):
        everybody_is_served(shared)


def test_half_closed_connections_that_go_on_sending_keep_nobody_out(shared: Running) -> None:
    with connections(
        shared, 50, b"GET /-/healthy HTTP/1.1\r\nConnection: close\r\n\r\n"
    ) as closing:
        for one in closing:
            with contextlib.suppress(OSError):
                one.sendall(b"x" * 1000)
        everybody_is_served(shared)


def test_a_client_that_pushes_and_never_reads_keeps_nobody_out(shared: Running) -> None:
    body = BODY.encode()
    head = f"PUT /metrics/job/deaf HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with one:
        one.connect(("127.0.0.1", shared.port))
        one.settimeout(3)
        with contextlib.suppress(TimeoutError):  # it reads no more, for nobody takes its answers
            for _ in range(60):
                one.sendall((head.encode() + body) * 1_000)
        everybody_is_served(shared)


def test_scrapes_that_nobody_reads_keep_nobody_out_and_are_given_up(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_ANSWER_TIMEOUT="3")
    text = "x" * 1_000
    rows = "".join(f'wide{{n="{n}",text="{text}"}} 1\n' for n in range(4_000))
    assert 200 == service.push("wide", rows).status
    scrape = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {PROTOBUF}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", service.port))
            one.sendall(scrape)
        everybody_is_served(service)
        eventually(lambda: closed(service, "answer") >= 5)


def closed(service: Running, reason: str) -> float:
    return service.value("dreamos_connections_closed_total", reason=reason) or 0.0


@pytest.mark.parametrize(
    ("reason", "sent"),
    [("head", b"G"), ("head", UNFINISHED["half a head"]), ("body", UNFINISHED["half a body"])],
)
def test_what_takes_too_long_is_told_so_closed_and_counted(
    launch: Callable[..., Running], reason: str, sent: bytes
) -> None:
    service = launch(METRICS_HEAD_TIMEOUT="1", METRICS_BODY_TIMEOUT="1")
    with connections(service, 1, sent) as [one]:
        assert one.makefile("rb").read().startswith(b"HTTP/1.1 408 ")
    assert 1 == closed(service, reason)


def test_a_body_that_comes_byte_by_byte_is_given_up(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_BODY_TIMEOUT="1")
    with connections(service, 1, UNFINISHED["half a body"]) as [one]:
        one.settimeout(0.05)

        def told() -> bytes:
            one.sendall(b" ")
            return one.recv(100)

        assert eventually(told).startswith(b"HTTP/1.1 408 ")


def test_who_waits_longest_is_closed_for_who_comes_when_there_are_too_many(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_MAX_CONNECTIONS="20", METRICS_MAX_CONNECTIONS_PER_ADDRESS="20")
    kept = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    kept.request("GET", "/-/healthy")
    kept.getresponse().read()
    used = kept.sock
    with connections(service, 60, b"G") as silent:
        everybody_is_served(service)
        silent[0].settimeout(20)
        # A reset where the letter was not read before it was closed, else an end.
        with contextlib.suppress(ConnectionResetError):
            assert b"" == silent[0].recv(1)
    kept.request("GET", "/-/healthy")
    assert 200 == kept.getresponse().status
    assert used is kept.sock, "one that had been of use was closed before those that had not"
    kept.close()
    assert closed(service, "address") >= 40


def test_one_address_cannot_have_all_places(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_MAX_CONNECTIONS="40", METRICS_MAX_CONNECTIONS_PER_ADDRESS="10")
    with contextlib.ExitStack() as stack:
        eventually(lambda: not let_in(service, stack))
        with socket.create_connection(
            ("127.0.0.1", service.port), 20, source_address=("127.0.0.2", 0)
        ) as other:
            other.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200 ")


def let_in(service: Running, stack: contextlib.ExitStack) -> bool:
    """Open a connection that sends half a body."""
    one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 20))
    one.settimeout(0.5)
    try:
        one.sendall(UNFINISHED["half a body"])
        return not one.recv(100).startswith(b"HTTP/1.1 503 ")
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_thousands_of_requests_sent_at_once_hold_no_memory(launch: Callable[..., Running]) -> None:
    service = launch()
    assert service.process is not None
    family = [psutil.Process(service.process.pid)]
    family += family[0].children(recursive=True)

    def resident() -> int:
        return sum(process.memory_info().rss for process in family)

    before = resident()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 20))
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000)
        everybody_is_served(service)
    assert resident() - before < 100 * 2**20


def test_bodies_that_come_in_at_once_hold_only_so_much_memory(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_MAX_BODY_BYTES="1000000")
    size = 900_000
    head = f"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
    statuses = []

    def send(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.sendall(b"#" * (size - len("\n")))
            one.settimeout(60)
            statuses.append(one.recv(12))

    with connections(service, 12, head) as all_of_them:
        threads = [threading.Thread(target=send, args=(one,)) for one in all_of_them]
        for thread in threads:
            thread.start()
        everybody_is_served(service)
        eventually(lambda: (service.value("dreamos_connections") or 0) >= 12)
        for one in all_of_them:
            with contextlib.suppress(OSError):
                one.sendall(b"\n")
        for thread in threads:
            thread.join(60)
    # What was kept is judged, whatever becomes of it; the rest is to be sent again.
    assert set(statuses) <= {b"HTTP/1.1 200", b"HTTP/1.1 400", b"HTTP/1.1 503"}
    assert b"HTTP/1.1 503" in statuses
    assert (service.value("dreamos_ingest_rejected_total", reason="busy") or 0) > 0


def test_a_length_that_nobody_can_send_is_refused_at_once(shared: Running) -> None:
    head = b"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n" % (b"9" * 18)
    with connections(shared, 1, head) as [one]:
        assert one.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_the_right_token_is_not_kept(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "push").write_text("the-token\n")
    service = launch(METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"))
    reply = service.push("x", b"#" * 500_000 + b"\n", Authorization="Bearer wrong")
    assert 401 == reply.status
    assert 200 == service.push("x", BODY, Authorization="Bearer the-token").status
