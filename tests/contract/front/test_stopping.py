"""Stopping, and what a signal to gunicorn may not do: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import threading
from collections.abc import Callable

from tests.contract.conftest import Running
from tools.waiting import eventually

STOP_PERIOD = 10
"""Seconds that Compose waits before it kills."""
BODY = "# TYPE t_total counter\nt_total {}\n"


def pushing(service: Running, stop: threading.Event, acknowledged: list[int]) -> None:
    """Push higher and higher counts on a kept connection; note those that were acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    value = acknowledged[0]
    while not stop.is_set():
        value += 1
        try:
            path = "/metrics/job/stop/agent/A/incarnation/1"
            connection.request("PUT", path, BODY.format(value).encode())
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            stop.wait(0.05)
            continue
        if answer.status == 200:
            acknowledged[0] = value
        stop.wait(0.001)
    connection.close()


def test_a_stop_loses_nothing_acknowledged_and_waits_for_no_idle_connection(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    stop, acknowledged = threading.Event(), [0]
    pusher = threading.Thread(target=pushing, args=(service, stop, acknowledged))
    with contextlib.ExitStack() as stack:
        for sent in (b"", b"G", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"PUT /metrics/job/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nt"):  # fmt: skip
            for _ in range(20):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
                one.sendall(sent)
        pusher.start()
        eventually(lambda: acknowledged[0] > 50)
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        # Beyond this Compose would have killed it, and the last seconds would be lost.
        assert 0 == service.process.wait(STOP_PERIOD)
    stop.set()
    pusher.join(30)
    service.process = None
    service.start()
    assert acknowledged[0] <= (service.value("t_total", job="stop") or 0)


def test_no_signal_makes_a_second_worker_or_loses_a_count(launch: Callable[..., Running]) -> None:
    service = launch()
    assert service.process is not None
    stop, acknowledged = threading.Event(), [0]
    pusher = threading.Thread(target=pushing, args=(service, stop, acknowledged))
    pusher.start()
    for sent in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGHUP, signal.SIGTTIN):
        before = acknowledged[0]
        service.process.send_signal(sent)
        eventually(lambda before=before: acknowledged[0] > before + 50)  # type: ignore[misc]
    eventually(lambda: service.log.count("Worker exiting") >= 1)
    before = acknowledged[0]
    eventually(lambda: acknowledged[0] > before + 50)
    stop.set()
    pusher.join(30)
    assert acknowledged[0] == service.value("t_total", job="stop")
    # The master says so when its own loop comes to it, which pushes do not wait for.
    eventually(lambda: 2 == service.log.count("the service runs as one process"))
