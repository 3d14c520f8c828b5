"""The pushes of the benchmark: the metrics of an agent, with values that change every time."""

from __future__ import annotations

import random
import struct

OPERATIONS = ("read", "write", "append", "delete")


def names(samples: int) -> list[str]:
    """Return the sample lines of one agent up to the value, with their TYPE lines in between.

    Args:
        samples: how many sample lines; half of them counters, the rest gauges.
    """
    lines, families = [], max(1, samples // 50)
    left = samples
    for family in range(families):
        kind = "counter" if family % 2 == 0 else "gauge"
        name = f"bench_metric_{family:03d}" + ("_total" if kind == "counter" else "")
        lines.append(f"# HELP {name} A {kind} of the benchmark.")
        lines.append(f"# TYPE {name} {kind}")
        here = left if family == families - 1 else 50
        for number in range(here):
            operation = OPERATIONS[number % 4]
            lines.append(f'{name}{{path="/srv/agent/{number:04d}",operation="{operation}"}} ')
        left -= here
    return lines


def values(samples: int, seed: int) -> list[float]:
    """Return one value for each sample: two in three are whole numbers."""
    chance = random.Random(seed)  # noqa: S311  (the same values in every run)
    return [
        float(chance.randrange(10**6)) if i % 3 else chance.random() * 100 for i in range(samples)
    ]


def text(samples: int, seed: int) -> bytes:
    """Return a body in the text format."""
    numbers = iter(values(samples, seed))
    lines = names(samples)
    return "".join(
        f"{line}\n" if line.startswith("#") else f"{line}{next(numbers)!r}\n" for line in lines
    ).encode()


def compact(samples: int, seed: int) -> bytes:
    """Return the same values in the compact form."""
    return struct.pack(f"<{samples}d", *values(samples, seed))
