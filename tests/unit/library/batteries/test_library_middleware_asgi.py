"""The ASGI middleware, on real FastAPI and Starlette applications behind a real server."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dreamos.core.metrics import ASGIMiddleware, testing

COUNT = "dreamos_http_request_duration_seconds_count"
value = testing.value


@contextmanager
def serving(app: Any) -> Iterator[http.client.HTTPConnection]:
    """Serve `app` on a free port. When the block ends, every request has ended too."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
    try:
        yield connection
    finally:
        connection.close()
        server.should_exit = True
        thread.join(60)
        listener.close()


def ask(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> int:
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.fixture
def fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, float]:
        return {"in_progress": value("dreamos_http_requests_in_progress")}

    @app.get("/refused/{name}")
    def refused(name: str) -> None:
        raise HTTPException(403)

    router = APIRouter(prefix="/users/{user}")

    @router.get("/posts/{post}")
    def post(user: str, post: int) -> str:
        return "post"

    @router.get("/comments/{comment}")
    def comment(user: str, comment: int) -> str:
        return "comment"

    inner = FastAPI()

    @inner.get("/figures/{name}")
    def figure(name: str) -> str:
        return name

    app.include_router(router, prefix="/api")
    app.mount("/inner/{tenant}", inner)
    app.add_middleware(ASGIMiddleware)
    return app


def test_requests_are_told_apart_by_the_template_not_by_the_path(fastapi: FastAPI) -> None:
    with serving(fastapi) as connection:
        assert 200 == ask(connection, "/items/7")
        assert 200 == ask(connection, "/items/8?secret=hunter2")
        assert 422 == ask(connection, "/items/word")
        assert 403 == ask(connection, "/refused/hunter2")
    assert 2 == value(COUNT, method="GET", route="/items/{item_id}", status="2xx")
    assert 1 == value(COUNT, method="GET", route="/items/{item_id}", status="4xx")
    assert 1 == value(COUNT, route="/refused/{name}", status="4xx")
    assert 0 == value("dreamos_http_requests_in_progress")


def test_a_router_with_prefixes_shows_its_whole_template(fastapi: FastAPI) -> None:
    with serving(fastapi) as connection:
        assert 200 == ask(connection, "/api/users/alice/posts/3")
        assert 200 == ask(connection, "/api/users/alice/comments/4")
        assert 405 == ask(connection, "/api/users/alice/comments/4", "DELETE")
    assert 1 == value(COUNT, route="/api/users/{user}/posts/{post}", status="2xx")
    assert 1 == value(COUNT, route="/api/users/{user}/comments/{comment}", status="2xx")
    assert 1 == value(COUNT, route="/api/users/{user}/comments/{comment}", status="4xx")


def test_a_mounted_application_shows_where_it_is_mounted_and_no_values(fastapi: FastAPI) -> None:
    with serving(fastapi) as connection:
        assert 200 == ask(connection, "/inner/acme/figures/x")
        assert 404 == ask(connection, "/inner/acme/nothing")
    assert 1 == value(COUNT, route="/inner/{tenant}/figures/{name}", status="2xx")
    assert 1 == value(COUNT, route="/inner/{tenant}/{path}", status="4xx")


def test_what_no_route_takes_is_none_and_a_wrong_method_has_its_route(fastapi: FastAPI) -> None:
    with serving(fastapi) as connection:
        assert 404 == ask(connection, "/hunter2")
        assert 405 == ask(connection, "/items/7", "DELETE")
        assert 405 == ask(connection, "/items/7", "HUNTER2")
    assert 1 == value(COUNT, route="(none)", status="4xx")
    assert 1 == value(COUNT, method="DELETE", route="/items/{item_id}", status="4xx")
    assert 1 == value(COUNT, method="other", route="/items/{item_id}", status="4xx")


def starlette(folder: Path) -> Starlette:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("secret text")

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    return Starlette(
        routes=[
            Route("/hello/{name}", hello),
            Route("/again/{name:path}", hello),
            Route("/broken", broken),
            Mount("/api", routes=[Route("/v1/{name}/stream", stream)]),
            Mount("/static", StaticFiles(directory=folder)),
        ]
    )


def test_starlette_is_measured_from_outside_as_well(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    with serving(ASGIMiddleware(starlette(tmp_path))) as connection:
        paths = ("/hello/x", "/again/x/y/z", "/api/v1/x/stream", "/static/a.txt")
        assert [200] * 4 == [ask(connection, path) for path in paths]
    routes = ("/hello/{name}", "/again/{name:path}", "/api/v1/{name}/stream", "/static/{path}")
    assert [1] * 4 == [value(COUNT, route=route, status="2xx") for route in routes]


def test_an_exception_of_the_application_is_5xx(tmp_path: Path) -> None:
    with serving(ASGIMiddleware(starlette(tmp_path))) as connection:
        assert 500 == ask(connection, "/broken")
    assert 1 == value(COUNT, route="/broken", status="5xx")


def test_work_in_the_background_is_no_part_of_the_answer() -> None:
    answered_first = []

    async def later() -> None:
        answered_first.append(value(COUNT, route="/work", status="2xx"))
        raise RuntimeError("after the answer")

    async def work(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok", background=BackgroundTask(later))

    app = Starlette(routes=[Route("/work", work)], middleware=[Middleware(ASGIMiddleware)])
    with serving(app) as connection:
        assert 200 == ask(connection, "/work")
    assert [1] == answered_first
    assert 1 == value(COUNT)


def test_a_client_that_goes_away_is_not_our_error() -> None:
    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/x"}
        asked = asyncio.create_task(ASGIMiddleware(waits)(scope, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(run())
    assert 1 == value(COUNT, route="(none)", status="4xx")
    assert 0 == value("dreamos_http_requests_in_progress")


def test_a_function_can_name_the_route() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "http" == scope["type"]
        await send({"type": "http.response.start", "status": 302, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with serving(ASGIMiddleware(app, route=lambda scope: "/named")) as connection:
        assert 302 == ask(connection, "/hunter2")
    assert 1 == value(COUNT, route="/named", status="3xx")


def test_traffic_that_is_no_request_passes_untouched() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], receive, send))

    receive, send = object(), object()
    for kind in ("websocket", "lifespan"):
        asyncio.run(ASGIMiddleware(app)({"type": kind}, receive, send))  # type: ignore[arg-type]
    assert [("websocket", receive, send), ("lifespan", receive, send)] == seen
    assert 0 == value(COUNT)
