"""Uses every public name of the library as an agent would. `mypy --strict` must have nothing to say.

Checked by test_typing.py, which also fails when a public name is not used here.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

from flask import Flask

import dreamos.core.metrics as metrics
from dreamos.core.metrics import (
    DEFAULT_BUCKETS,
    Agent,
    ASGIMiddleware,
    BaseMetrics,
    BridgeMetrics,
    Cache,
    CommandMetrics,
    Counter,
    Enum,
    FileMetrics,
    Gauge,
    Histogram,
    Info,
    JSONFormatter,
    LogMetrics,
    MetricsHandler,
    Queue,
    Summary,
    WSGIMiddleware,
    api_call,
    bridge_metrics,
    cache,
    current_agent,
    file_metrics,
    files,
    flush,
    get_command_stats,
    instrument_flask,
    load_metrics,
    log_metrics,
    logs,
    on_snapshot,
    queue,
    reset_stats,
    save_metrics,
    set_path_label,
    start,
    stop,
    testing,
    track_command,
)


def metric_types() -> float:
    mood: Enum = Enum("typed_mood", "Typed", states=["well", "ill"])
    mood.state("well")
    counter: Counter = Counter("typed_total", "Typed", ["kind"])
    counter.inc(tags={"kind": "a"})
    counter.inc(2, tags={"kind": "a"})
    counter.labels("a").inc()
    counter.labels(kind="a").inc(1.5)
    gauge: Gauge = Gauge("typed_gauge", "Typed", multiprocess_mode="max")
    gauge.set(1)
    gauge.inc()
    gauge.dec(2)
    gauge.set_function(lambda: 3.0)
    histogram: Histogram = Histogram("typed_seconds", "Typed", buckets=DEFAULT_BUCKETS)
    histogram.observe(0.5)
    with histogram.time():
        pass
    summary: Summary = Summary("typed_bytes", "Typed")
    summary.observe(3)
    Info("typed", "Typed").info({"version": "1"})
    on_snapshot(lambda: gauge.set(2))
    with gauge.track_inprogress(), counter.labels("a").count_exceptions():
        return counter.labels("a").value


def agents() -> str | None:
    agent: Agent = start(agent="Agent-1", job="dreamos", url="http://127.0.0.1:8000", interval=5)
    agent.heartbeat()
    agent.progress()
    agent.health(0.9)
    agent.response(1.5)
    agent.error(ValueError("x"))
    agent.error("RateLimitError")
    with agent.task("build") as task:
        task.fail("TestsFailed")
    with agent.operation("model call", deadline=120), agent.responding():
        pass
    sent: bool = flush() and stop()
    return current_agent().name if sent else None


@metrics.current_agent().task("typed")
def decorated(number: int) -> str:
    return str(number)


@api_call("typed")
async def decorated_later(number: int) -> str:
    return str(number)


async def asynchronous() -> str:
    async with current_agent().task("typed"), api_call("model"):
        later: str = await decorated_later(1)
    now: str = decorated(2)
    return later + now


def file_tools(folder: Path) -> bytes:
    set_path_label("top", roots=["."], cap=50)
    size: int = files.write_text(folder / "a.txt", "x", label="a.txt")
    size += files.write_bytes(folder / "b", b"x")
    size += files.atomic_write(folder / "c", b"x")
    size += files.append(folder / "c", "x", encoding="utf-16")
    size += files.create(folder / "d")
    text: str = files.read_text(folder / "a.txt")
    files.create_directory(folder / "e")
    moved: Path = files.archive(folder / "d", folder / "e")
    files.delete(moved, missing_ok=True)
    cleared: int = files.clear_directory(folder / "e")
    return files.read_bytes(folder / "b") + bytes(size + cleared) + text.encode()


def logging_tools() -> MetricsHandler:
    handler: MetricsHandler = logs.install("dreamos", level=logging.INFO)
    logs.uninstall("dreamos")
    handler.setFormatter(JSONFormatter())
    return handler


def performance() -> None:
    inbox: Queue = queue("inbox").watch(length=lambda: 3, oldest_age=lambda: 1.5)
    inbox.enqueued()
    inbox.processed("error", 2)
    inbox.length(1)
    inbox.oldest_age(0)
    prompts: Cache = cache("prompts").watch(functools.lru_cache(decorated))
    prompts.hit()
    prompts.miss(2)


def middleware(app: Flask, asgi: Any) -> ASGIMiddleware:
    instrument_flask(app)
    WSGIMiddleware(app.wsgi_app, route=lambda environ: "/")
    return ASGIMiddleware(asgi, route=lambda scope: None)


def old_names(folder: Path) -> dict[str, Any]:
    base = BaseMetrics("base", folder)
    base.increment("a", 1, {"tag": "x"})
    base.gauge("b", 2.5)
    base.histogram("c", 0.5)
    FileMetrics(str(folder)).record_read(folder / "a", 3)
    LogMetrics().record_log("INFO", "discord")
    BridgeMetrics().record_success("chatgpt", "send", 1.5)
    CommandMetrics(folder).track_command("status")
    file_metrics.record_write("a", 3)
    log_metrics.record_rotation()
    bridge_metrics.record_request("chatgpt", "send")
    track_command("status")
    stats: dict[str, int] = get_command_stats()
    save_metrics(folder / "x.json", stats)
    loaded: dict[str, Any] = load_metrics([folder / "x.json"])
    reset_stats()
    return {**base.get_metrics(), **loaded}


def tests() -> float:
    with testing.fresh(), testing.delta("typed_total", kind="a") as change:
        assert {} == testing.errors()
    return testing.value("typed_total") + change.value
