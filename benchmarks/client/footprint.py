"""What a series and the import cost. Each figure comes from a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_MEMORY = """
import gc, tempfile, tracemalloc
from pathlib import Path
if {ours}:
    from dreamos_metrics.metrics import family
    from dreamos.core.metrics import Counter, Histogram
    from dreamos_metrics.spool.values_file import FileStorage
    from dreamos_metrics.metrics.migration import migrate_to
    family.MAX_SERIES = 10**9
    folder = tempfile.TemporaryDirectory()
    migrate_to(FileStorage(Path(folder.name), {{"incarnation": "benchmark"}}))
else:
    from prometheus_client import Counter, Histogram
number = 10_000
names = [str(n) for n in range(number)]
counter, histogram = Counter("c", "c", ["a", "b"]), Histogram("h", "h", ["a", "b"])
gc.collect(); tracemalloc.start()
start = tracemalloc.get_traced_memory()[0]
for name in names: counter.labels(name, "x").inc()
middle = tracemalloc.get_traced_memory()[0]
for name in names: histogram.labels(name, "x").observe(1)
end = tracemalloc.get_traced_memory()[0]
print((middle - start) / number, (end - middle) / number)
"""

_IMPORT = """
import time
start = time.perf_counter(); import prometheus_client
middle = time.perf_counter(); import dreamos.core.metrics
print((middle - start) * 1000, (time.perf_counter() - middle) * 1000)
"""


def _numbers(code: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [float(word) for word in done.stdout.split()]


def memory() -> tuple[list[float], list[float]]:
    """Return bytes on the heap for a labelled counter and a 15-bucket histogram: ours, theirs.

    The values themselves lie in the file, 8 bytes each: 16 for a counter, 136 for such a histogram.
    """
    return _numbers(_MEMORY.format(ours=True)), _numbers(_MEMORY.format(ours=False))


def import_time(rounds: int = 7) -> tuple[float, float]:
    """Return milliseconds: prometheus_client's import, and what ours adds to it. The fastest of some rounds."""
    times = [_numbers(_IMPORT) for _ in range(rounds)]
    return min(theirs for theirs, _ in times), min(ours for _, ours in times)
