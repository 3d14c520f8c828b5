"""How long one call takes in CPU time, ours and theirs in turn, so that a busy machine slows both."""

from __future__ import annotations

import tempfile
import time
import timeit
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_client

from dreamos.core.metrics import Counter, Histogram
from dreamos_metrics.metrics.migration import migrate_to
from dreamos_metrics.spool.values_file import FileStorage

CALLS = 5_000
REPEATS = 120


@dataclass(frozen=True)
class Case:
    """One comparison: what our users write, and what does the same with prometheus_client.

    Attributes:
        goal: how many times faster ours must be; 0 when nothing was promised.
    """

    name: str
    ours: str
    theirs: str
    goal: float


_TAGS, _NAMED, _PLACED = "(tags={'a': 'x', 'b': 'y'})", "labels(a='x', b='y')", "labels('x', 'y')"

CASES = (
    Case("counter, inc(tags={…})", f"c.inc{_TAGS}", f"pc.{_NAMED}.inc()", 5),
    Case("counter, labels(a=…, b=…).inc()", f"c.{_NAMED}.inc()", f"pc.{_NAMED}.inc()", 5),
    Case("counter, labels('x', 'y').inc()", f"c.{_PLACED}.inc()", f"pc.{_PLACED}.inc()", 5),
    Case("histogram, labels('x', 'y').observe(v)", f"h.{_PLACED}.observe(0.3)", f"ph.{_PLACED}.observe(0.3)", 5),
    Case("counter, resolved: child.inc()", "cc.inc()", "pcc.inc()", 3),
    Case("counter, no labels: inc()", "u.inc()", "pu.inc()", 3),
    Case("histogram, resolved: child.observe(v)", "hc.observe(0.3)", "phc.observe(0.3)", 3),
    Case("histogram, with child.time()", "with hc.time(): pass", "with phc.time(): pass", 0),
)  # fmt: skip

MULTIPROCESS = (
    Case("counter, inc(tags={…})", f"c.inc{_TAGS}", f"pc.{_NAMED}.inc()", 5),
    Case("counter, resolved: child.inc()", "cc.inc()", "pcc.inc()", 10),
    Case("histogram, resolved: child.observe(v)", "hc.observe(0.3)", "phc.observe(0.3)", 10),
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Nanoseconds of one call of each side: the fastest of many rounds."""

    case: Case
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.theirs / self.ours

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.case.goal


def metrics() -> dict[str, Any]:
    """Declare the same metrics on both sides; ours lie in a memory-mapped file, as in a pushing agent."""
    names: dict[str, Any] = {
        "c": Counter("ours_c", "c", ["a", "b"]),
        "h": Histogram("ours_h", "h", ["a", "b"]),
        "u": Counter("ours_u", "u"),
        "pc": prometheus_client.Counter("theirs_c", "c", ["a", "b"]),
        "ph": prometheus_client.Histogram("theirs_h", "h", ["a", "b"]),
        "pu": prometheus_client.Counter("theirs_u", "u"),
    }
    for short in ("c", "h", "pc", "ph"):
        names[short + "c"] = names[short].labels("x", "y")
    return names


def measure(cases: tuple[Case, ...]) -> list[Result]:
    """Measure all cases in this process."""
    names = metrics()
    with tempfile.TemporaryDirectory() as folder:
        migrate_to(FileStorage(Path(folder), {"incarnation": "benchmark"}))
        return [_measure(case, names) for case in cases]


def _measure(case: Case, names: dict[str, Any]) -> Result:
    ours = timeit.Timer(case.ours, timer=time.thread_time, globals=names)
    theirs = timeit.Timer(case.theirs, timer=time.thread_time, globals=names)
    rounds = [(ours.timeit(CALLS), theirs.timeit(CALLS)) for _ in range(REPEATS)]
    return Result(
        case,
        min(mine for mine, _ in rounds) / CALLS * 1e9,
        min(other for _, other in rounds) / CALLS * 1e9,
    )
