"""Whether anything is lost when four threads count at once."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

from dreamos.core.metrics import Counter, Histogram
from dreamos_metrics.metrics.migration import migrate_to
from dreamos_metrics.spool.values_file import FileStorage

THREADS = 4


def lost(increments: int) -> tuple[float, float]:
    """Let four threads make so many increments, and a tenth of that of observations; return what is missing."""
    counter = Counter("threads_c", "c", ["a"])
    histogram = Histogram("threads_h", "h")
    each = increments // THREADS
    interval = sys.getswitchinterval()
    with tempfile.TemporaryDirectory() as folder:
        migrate_to(FileStorage(Path(folder), {"incarnation": "threads"}))
        child = counter.labels("x")

        def work() -> None:
            for _ in range(each // 2):
                child.inc()
                counter.inc(tags={"a": "x"})
            for _ in range(each // 10):
                histogram.observe(1)

        sys.setswitchinterval(1e-5)
        try:
            _run(work)
        finally:
            sys.setswitchinterval(interval)
        wanted, observed = THREADS * (each // 2) * 2, THREADS * (each // 10)
        return wanted - child.value, abs(observed - histogram.sum) + abs(observed - histogram.count)


def _run(work: object) -> None:
    threads = [threading.Thread(target=work) for _ in range(THREADS)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
