"""The connection to the service: deadlines and services that hang up, on real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dreamos_metrics.push.http import Connection
from dreamos_metrics.push.settings import Settings, read_settings

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Hand each connection to ``talk``, one after the other; the event says that the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    client, _ = server.accept()
                    with client:
                        talk(client, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            with contextlib.suppress(OSError):
                socket.create_connection(server.getsockname(), 1).close()
            thread.join()


def test_a_service_that_drips_its_answer_does_not_get_more_time() -> None:
    def drip(client: socket.socket, over: threading.Event) -> None:
        client.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: x\r\n" * 1000:
            if over.wait(0.05):
                return
            client.send(bytes([byte]))

    with raw_server(drip) as url, pytest.raises(TimeoutError):
        Connection(url, 0.5).request("PUT", "/x", b"body", {})


def test_a_service_that_never_reads_does_not_get_more_time() -> None:
    def ignore(client: socket.socket, over: threading.Event) -> None:
        over.wait(60)

    with raw_server(ignore) as url, pytest.raises(TimeoutError):
        Connection(url, 0.5).request("PUT", "/x", bytes(50_000_000), {})


def test_a_connection_that_was_closed_in_the_meantime_is_opened_again() -> None:
    asked = []

    def once(client: socket.socket, over: threading.Event) -> None:
        asked.append(client.recv(65536))
        client.send(OK)  # and hang up, without having said so

    with raw_server(once) as url:
        connection = Connection(url, 10)
        assert ["ok", "ok"] == [connection.request("PUT", "/x", b"", {}).text for _ in range(2)]
        connection.close()
    assert [b"PUT /x HTTP/1.1"] * 2 == [request.splitlines()[0] for request in asked if request]


def test_an_address_with_a_path_is_a_prefix() -> None:
    asked = []

    def once(client: socket.socket, over: threading.Event) -> None:
        asked.append(client.recv(65536))
        client.send(OK)

    with raw_server(once) as url:
        connection = Connection(url + "/behind/a/proxy/", 10)
        connection.request("PUT", "/metrics", b"", {"A": "b"})
        connection.close()
    assert asked[0].startswith(b"PUT /behind/a/proxy/metrics HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nA: b\r\n" in asked[0]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"DREAMOS_METRICS_AGENT": ""}, "agent"),
        ({"DREAMOS_METRICS_URL": "localhost:8000"}, "url"),
        ({"DREAMOS_METRICS_URL": "http://user:secret@localhost"}, "DREAMOS_METRICS_TOKEN"),
        ({"DREAMOS_METRICS_INTERVAL": "often"}, "DREAMOS_METRICS_INTERVAL"),
        ({"DREAMOS_METRICS_INTERVAL": "0"}, "interval"),
        ({"DREAMOS_METRICS_INTERVAL": "nan"}, "interval"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        read_settings({"DREAMOS_METRICS_AGENT": "A", **wrong})
    assert "secret" not in str(caught.value)


def test_of_several_tokens_in_a_file_the_first_is_sent(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("# since Monday\nn3w\nold\n")
    environment = {
        "DREAMOS_METRICS_AGENT": "A",
        "DREAMOS_METRICS_TOKEN_FILE": str(tmp_path / "token"),
    }
    assert "n3w" == read_settings(environment).token


def test_arguments_win_over_the_environment_and_the_token_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    environment = {
        "DREAMOS_METRICS_AGENT": "A",
        "DREAMOS_METRICS_JOB": "J",
        "DREAMOS_METRICS_INTERVAL": "2.5",
        "DREAMOS_METRICS_TOKEN_FILE": str(tmp_path / "token"),
    }
    settings = read_settings(environment, agent="B")
    assert ("B", "J", 2.5, "s3cret") == (
        settings.agent,
        settings.job,
        settings.interval,
        settings.token,
    )
    assert 12.5 == settings.time_to_live
    assert "s3cret" not in repr(settings)
    assert Settings("A") == read_settings({"DREAMOS_METRICS_AGENT": "A"})
