"""The WSGI middleware, on real Flask applications behind a real server."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, send_file
from werkzeug.serving import make_server

from dreamos.core.metrics import WSGIMiddleware, instrument_flask, testing

COUNT = "dreamos_http_request_duration_seconds_count"
value = testing.value


@contextmanager
def serving(app: Any) -> Iterator[http.client.HTTPConnection]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()
        server.shutdown()
        thread.join()
        server.server_close()


def ask(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> int:
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def settle() -> None:
    """The server closes the answer's iterator after the client has the last byte."""
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(60)


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)

    @app.get("/users/<int:number>")
    def user(number: int) -> str:
        assert 1 <= value("dreamos_http_requests_in_progress")
        return f"user {number}"

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("secret text")

    @app.get("/stream/<name>")
    def stream(name: str) -> Response:
        return Response((part.encode() for part in ("a", "b", name)), mimetype="text/plain")

    blueprint = Blueprint("admin", __name__, url_prefix="/admin")

    @blueprint.delete("/keys/<key>")
    def key(key: str) -> tuple[str, int]:
        return "", 204

    app.register_blueprint(blueprint)
    instrument_flask(app)
    return app


def test_requests_are_told_apart_by_the_rule_not_by_the_path(app: Flask) -> None:
    with serving(app) as connection:
        assert [200, 200, 204] == [
            ask(connection, "/users/7"),
            ask(connection, "/users/8"),
            ask(connection, "/admin/keys/hunter2", "DELETE"),
        ]
        settle()
    assert 2 == value(COUNT, method="GET", route="/users/<int:number>", status="2xx")
    assert 1 == value(COUNT, method="DELETE", route="/admin/keys/<key>", status="2xx")
    assert 3 == value(COUNT)
    assert 0 == value("dreamos_http_requests_in_progress")


def test_what_no_route_takes_is_none_whatever_the_path(app: Flask) -> None:
    with serving(app) as connection:
        assert [404, 404] == [ask(connection, f"/secret-{number}") for number in range(2)]
        assert 405 == ask(connection, "/users/7", "POST")
        settle()
    assert 3 == value(COUNT, route="(none)", status="4xx")


def test_an_exception_of_the_application_is_5xx(app: Flask) -> None:
    app.logger.disabled = True
    with serving(app) as connection:
        assert 500 == ask(connection, "/broken")
        settle()
    assert 1 == value(COUNT, route="/broken", status="5xx")


def test_a_streamed_answer_ends_when_it_is_through(app: Flask) -> None:
    with serving(app) as connection:
        assert 200 == ask(connection, "/stream/x")
        settle()
    assert 1 == value(COUNT, route="/stream/<name>", status="2xx")


def test_a_method_that_nobody_knows_is_other(app: Flask) -> None:
    with serving(app) as connection:
        ask(connection, "/users/7", "HUNTER2")
        settle()
    assert 1 == value(COUNT, method="other")


def test_the_route_is_known_also_when_another_hook_answers_first() -> None:
    app = Flask(__name__)

    @app.before_request
    def refuse() -> tuple[str, int]:
        return "no", 401

    @app.get("/private/<name>")
    def private(name: str) -> str:
        return name

    instrument_flask(app)
    assert 401 == app.test_client().get("/private/x", buffered=True).status_code
    assert 1 == value(COUNT, route="/private/<name>", status="4xx")


def test_instrumenting_twice_counts_once(app: Flask) -> None:
    instrument_flask(app)
    assert 404 == app.test_client().get("/nothing", buffered=True).status_code
    assert 1 == value(COUNT)


def test_two_applications_are_both_measured(app: Flask) -> None:
    other = Flask("other")
    instrument_flask(other)
    app.test_client().get("/x", buffered=True)
    other.test_client().get("/y", buffered=True)
    assert 2 == value(COUNT, route="(none)")


def test_a_file_is_handed_to_the_server_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    app = Flask(__name__)

    @app.get("/file")
    def file() -> Response:
        return send_file(tmp_path / "a.txt")

    instrument_flask(app)
    assert b"content" == app.test_client().get("/file", buffered=True).data
    assert 1 == value(COUNT, route="/file", status="2xx")


class TestPlainWSGI:
    @staticmethod
    def call(app: WSGIMiddleware, **environ: Any) -> list[bytes]:
        started: list[str] = []
        body = app(
            {"REQUEST_METHOD": "GET", **environ}, lambda status, *rest: started.append(status)
        )
        try:
            return list(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def test_without_a_route_the_path_is_still_not_shown(self) -> None:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            return [b"x"]

        self.call(WSGIMiddleware(app), PATH_INFO="/hunter2")
        assert 1 == value(COUNT, route="(none)", status="2xx")

    def test_a_function_can_name_the_route_and_may_fail(self) -> None:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("301 Moved", [])
            return [b""]

        self.call(WSGIMiddleware(app, route=lambda environ: "/named"))
        assert 1 == value(COUNT, route="/named", status="3xx")
        assert [b""] == self.call(WSGIMiddleware(app, route=lambda environ: environ["missing"]))
        assert {"middleware": 1} == testing.errors()
        assert 0 == value("dreamos_http_requests_in_progress")

    def test_an_application_that_raises_or_breaks_off_is_5xx(self) -> None:
        def raises(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            raise RuntimeError

        def breaks(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            yield b"half"
            raise RuntimeError

        for app in (raises, breaks):
            with pytest.raises(RuntimeError):
                self.call(WSGIMiddleware(app))
        assert 2 == value(COUNT, status="5xx")
        assert 0 == value("dreamos_http_requests_in_progress")

    def test_the_applications_own_close_is_called(self) -> None:
        closed = []

        class Body(list[bytes]):
            def close(self) -> None:
                closed.append(True)

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            return Body([b"x"])

        assert [b"x"] == self.call(WSGIMiddleware(app))
        assert [True] == closed


class TestTestClient:
    """`app.test_client()` neither reads nor closes an answer by itself."""

    def test_an_answer_counts_when_the_call_returns(self, app: Flask) -> None:
        answer = app.test_client().get("/users/7")
        assert 1 == value(COUNT, route="/users/<int:number>", status="2xx")
        assert 0 == value("dreamos_http_requests_in_progress")
        assert b"user 7" == answer.data
        answer.close()
        assert 1 == value(COUNT)

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nothing", "4xx"),
            ("DELETE", "/admin/keys/x", "2xx"),
            ("HEAD", "/stream/x", "2xx"),
            ("OPTIONS", "/users/7", "2xx"),
        ],
    )
    def test_whatever_kind_of_answer_it_is(
        self, app: Flask, method: str, path: str, status: str
    ) -> None:
        answer = app.test_client().open(path, method=method)
        assert 1 == value(COUNT, method=method, status=status), answer
        assert 0 == value("dreamos_http_requests_in_progress")

    def test_an_exception_counts_whether_it_passes_on_or_not(self, app: Flask) -> None:
        app.logger.disabled = True
        broken = app.test_client().get("/broken")
        assert (500, 1) == (broken.status_code, value(COUNT, status="5xx"))
        app.testing = True
        with pytest.raises(RuntimeError, match="secret text"):
            app.test_client().get("/broken")
        assert 2 == value(COUNT, status="5xx")

    def test_a_stream_counts_when_it_was_read_closed_or_not(self, app: Flask) -> None:
        answer = app.test_client().get("/stream/c")
        assert 1 == value("dreamos_http_requests_in_progress")
        assert b"abc" == answer.data
        assert 1 == value(COUNT, route="/stream/<name>", status="2xx")
        assert 0 == value("dreamos_http_requests_in_progress")

    def test_a_stream_that_nobody_reads_counts_when_it_is_closed(self, app: Flask) -> None:
        app.test_client().get("/stream/c").close()
        assert 1 == value(COUNT, route="/stream/<name>", status="2xx")

    def test_a_stream_that_breaks_off_is_5xx(self, app: Flask) -> None:
        @app.get("/breaks")
        def breaks() -> Response:
            def parts() -> Iterator[str]:
                yield "half"
                raise RuntimeError("secret text")

            return Response(parts())

        answer = app.test_client().get("/breaks")
        with pytest.raises(RuntimeError, match="secret text"):
            answer.get_data()
        assert 1 == value(COUNT, route="/breaks", status="5xx")
