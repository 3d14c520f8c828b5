"""Uses every name of the library's core as its documentation says; `mypy --strict` must pass on it."""

from __future__ import annotations

import asyncio

from dreamos.core.metrics import (
    DEFAULT_BUCKETS,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
    flush,
    on_snapshot,
    start,
    stop,
)

tasks = Counter("typed_tasks_total", "Tasks", ["kind"])
tasks.inc(tags={"kind": "build"})
tasks.inc(2, {"trace": "abc"}, {"kind": "build"})
tasks.labels("build").inc(0.5, exemplar={"trace": "abc"})
tasks.labels(kind="build").inc()
tasks.remove("build")
tasks.clear()
total: float = tasks.labels("build").value

depth = Gauge("typed_depth", "Depth", ["queue"], multiprocess_mode="max")
depth.set(3, tags={"queue": "a"})
depth.inc(tags={"queue": "a"})
depth.labels("a").dec(2)
depth.labels("a").set_to_current_time()
depth.labels("b").set_function(lambda: 3.0)

took = Histogram("typed_took_seconds", "Time", ["what"], buckets=[*DEFAULT_BUCKETS[:-1], 30, 120])
took.observe(0.2, tags={"what": "x"})
seconds: float = took.labels("x").sum + took.labels("x").count

size = Summary("typed_size_bytes", "Size")
size.observe(10)
Info("typed_build", "Build").info({"version": "1"})

mood = Enum("typed_mood", "Mood", ["who"], states=["well", "ill"])
mood.state("well", tags={"who": "a"})
mood.labels("a").state("ill")
mood.remove_by_labels({"who": "a"})
tasks.labels("build").reset()
names: list[str] = [metric.name for metric in (*tasks.collect(), *mood.describe())]


@took.time(tags={"what": "f"})
def plain(number: int) -> str:
    """Return a text."""
    with took.labels("inner").time() as timer:
        pass
    return str(number + timer.elapsed)


@tasks.labels("later").count_exceptions(ValueError)
@depth.labels("later").track_inprogress()
async def later(number: int) -> str:
    """Return a text, later."""
    return plain(number)


@on_snapshot
def refresh() -> None:
    """Be called before each snapshot."""
    depth.set(1, tags={"queue": "c"})


def main() -> None:
    """Push, and end."""
    agent = start(agent="typed", url="http://127.0.0.1:8000", interval=5)
    text: str = asyncio.run(later(1))
    accepted: bool = flush(timeout=1)
    ended: bool = stop()
    print(agent, text, accepted, ended, total, seconds)
