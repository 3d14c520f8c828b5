"""The pushes of the benchmark: the metrics of an agent, with values that change every time."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

OPERATIONS = ("read", "write", "append", "delete", "archive")
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60",
          "120", "+Inf")  # fmt: skip
DIGITS = 7
DIGITS_BEGIN = 10 ** (DIGITS - 1)
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


class Rising:
    """The pushes of one process, one after the other: every value changes, and no count falls.

    A count that falls is a process that began anew, which is another case than a push that repeats
    its lines. Values have seven digits before the point, so that only digits have to be written.

    Args:
        samples: how many sample lines.
        seed: of the values it begins with.
    """

    def __init__(self, samples: int, seed: int) -> None:
        self._pushes = 0
        begin = np.array(values(samples, seed))
        self._values = DIGITS_BEGIN + np.minimum(np.floor(begin), DIGITS_BEGIN).astype(np.int64)
        places: list[int] = []
        body = b""
        whole = []
        for line, kind in lines(samples):
            body += line.encode()
            if kind:
                places.append(len(body))
                whole.append(kind != "gauge")
                body += b"0" * DIGITS + (b"\n" if whole[-1] else b".25\n")
        self._places = np.array(places)
        self._rest = np.where(whole, 0.0, 0.25)
        self._body = bytearray(body)

    def _next(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        self._pushes += 1
        found: np.ndarray[tuple[int], np.dtype[np.int64]] = self._values + self._pushes
        return found

    def text(self) -> bytes:
        """Return the next body in the text format."""
        left = self._next()
        letters = np.frombuffer(self._body, dtype=np.uint8)
        for place in range(DIGITS - 1, -1, -1):
            left, digit = np.divmod(left, 10)
            letters[self._places + place] = digit + ord("0")
        return bytes(self._body)

    def compact(self) -> bytes:
        """Return the next values in the compact form."""
        return (self._next() + self._rest).astype("<f8").tobytes()
