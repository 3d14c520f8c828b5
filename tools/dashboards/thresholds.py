"""The limits that alerts judge by, read from the alert rules: panels colour by the same numbers."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import yaml

ALERTS = Path(__file__).resolve().parents[2] / "deploy/prometheus/alerts"
_COMPARISON = re.compile(r"[<>]=?\s*(\d[\d.]*(?:e\d+)?)(?:\s*\*\s*(\d+))?(?![\w.])")


@functools.cache
def _expressions() -> dict[str, str]:
    """Return the expression of every alert by its name; of several with one name, the first."""
    found: dict[str, str] = {}
    for path in sorted(ALERTS.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found.setdefault(rule["alert"], rule["expr"])
    return found


def limits(alert: str) -> list[float]:
    """Return the numbers that an alert compares with, in their order, without the zeros.

    A comparison with zero guards a division, or asks whether there is anything at all.

    Raises:
        ValueError: when there is no such alert.
    """
    if alert not in _expressions():
        raise ValueError(f"no rule in {ALERTS} is called {alert}: name one that is there")
    pairs = _COMPARISON.findall(_expressions()[alert])
    numbers = [float(number) * float(times or 1) for number, times in pairs]
    return [number for number in numbers if number]


def limit(alert: str, place: int = 0) -> float:
    """Return the limit of `alert`, the first unless `place` says which.

    Raises:
        ValueError: when the alert, or a limit at that place, is not there.
    """
    found = limits(alert)
    try:
        return found[place]
    except IndexError:
        raise ValueError(f"{alert} has the limits {found}, and none at {place}") from None
