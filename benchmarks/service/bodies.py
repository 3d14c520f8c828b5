"""The pushes of the benchmark: the metrics of an agent, with values that change every time."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

OPERATIONS = ("read", "write", "append", "delete", "archive")
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60",
          "120", "+Inf")  # fmt: skip
FAMILY = 50
"""Sample lines of one family, or a little more: a histogram has 17 lines for each label set."""


def lines(samples: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of an agent's body with what kind of value follows; ``""`` for none.

    Args:
        samples: how many sample lines: a third each of counters, gauges and histograms, by family.
    """
    left, family = samples, 0
    while left > 0:
        kind = ("histogram", "counter", "gauge")[family % 3]
        if kind == "histogram" and left < len(BOUNDS) + 2:
            kind = "gauge"
        name = f"bench_{family:03d}_" + {"counter": "total", "gauge": "depth"}.get(kind, "seconds")
        yield f"# HELP {name} A {kind} of the benchmark.\n", ""
        yield f"# TYPE {name} {kind}\n", ""
        here = min(left, FAMILY + 1 if kind == "histogram" else FAMILY)
        if kind == "histogram":
            for number in range(here // (len(BOUNDS) + 2)):
                yield from _histogram(name, f'path="/srv/agent/{number:04d}",operation="read"')
            left -= here // (len(BOUNDS) + 2) * (len(BOUNDS) + 2)
        else:
            for number in range(here):
                labels = f'path="/srv/agent/{number:04d}",operation="{OPERATIONS[number % 5]}"'
                yield f"{name}{{{labels}}} ", kind
            left -= here
        family += 1


def _histogram(name: str, labels: str) -> Iterator[tuple[str, str]]:
    for bound in BOUNDS:
        yield f'{name}_bucket{{{labels},le="{bound}"}} ', "bucket" if bound != "+Inf" else "last"
    yield f"{name}_sum{{{labels}}} ", "gauge"
    yield f"{name}_count{{{labels}}} ", "count"


def values(samples: int, seed: int) -> list[float]:
    """Return one value for each sample line: whole counts, and gauges and sums with digits."""
    chance = random.Random(seed)  # noqa: S311  (the same values in every run)
    found, running, last = [], 0.0, 0.0
    for _, kind in lines(samples):
        if kind == "counter":
            found.append(float(chance.randrange(10**6)))
        elif kind == "gauge":
            found.append(chance.random() * 100)
        elif kind in ("bucket", "last"):
            running += chance.randrange(100)
            found.append(running)
            if kind == "last":
                running, last = 0.0, running
        elif kind == "count":
            found.append(last)
    return found


def text(samples: int, seed: int) -> bytes:
    """Return a body in the text format."""
    numbers = iter(values(samples, seed))
    made = [line if not kind else f"{line}{next(numbers)!r}\n" for line, kind in lines(samples)]
    return "".join(made).encode()


def compact(samples: int, seed: int) -> bytes:
    """Return the same values in the compact form."""
    return struct.pack(f"<{samples}d", *values(samples, seed))
