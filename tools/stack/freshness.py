"""Whether Prometheus still takes samples in and judges them, by its own clock.

A healthy container proves neither: with a full disk Prometheus answers, and stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from .console import say

OLDEST = 180.0
"""Seconds: three scrapes at the longest interval that can be set, as for the alert Watchdog."""

Ask = Callable[[str], Any]


def show_freshness(ask: Ask) -> list[str]:
    """Print how old the newest sample and the last evaluation are; return what is wrong.

    Args:
        ask: answers a path of Prometheus' API with the data in it; raises `OSError` or `ValueError`.
    """
    try:
        now = float(ask("query?query=time()")["result"][1])
        rows = ask("query?query=max(timestamp(up))")["result"]
        groups = ask("rules")["groups"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        say(f"\n  Samples: not known, Prometheus does not answer: {error}")
        return ["Prometheus cannot be asked for samples"]
    newest = now - float(rows[0]["value"][1]) if rows else None
    judged = [_seconds(group["lastEvaluation"]) for group in groups if group["rules"]]
    latest = now - max(judged) if judged and max(judged) > 0 else None
    say(f"\n  Newest sample: {_words(newest)}; rules last judged: {_words(latest)}")
    return [
        f"{what} ({_words(age)})"
        for what, age in (("no fresh samples", newest), ("rules are not judged", latest))
        if age is None or age > OLDEST
    ]


def _words(age: float | None) -> str:
    return "none in the last 5 minutes" if age is None else f"{max(age, 0):.0f} s ago"


def _seconds(text: str) -> float:
    # Go writes up to nine digits, which Python 3.10 does not read, and its zero is the year 1.
    if text.startswith("0001"):
        return 0.0
    moment = datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc)
    zone = text[19:].lstrip(".0123456789")
    if zone not in {"Z", ""}:
        sign = -1 if zone[0] == "-" else 1
        hours, minutes = zone[1:].split(":")
        return moment.timestamp() - sign * (int(hours) * 3600 + int(minutes) * 60)
    return moment.timestamp()
