"""What fired in the last day, asked from Prometheus for the status page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from services.metrics.asking import Asker, NotAskedError, fetch_json

KEPT_SECONDS = 60.0
TIMEOUT_SECONDS = 20.0
"""For the question itself; a page waits less, and the next one gets the answer."""
MAX_ANSWER_BYTES = 16 << 20
STEP_SECONDS = 15
_FIGURE = "dreamos_figure"
_APART = ("alertname", "alertstate", "severity", "agent", "stack", _FIGURE)
_FIRING = 'ALERTS{alertstate="firing",severity!="none"}'
# The plain count finds also what fired between two steps of the others.
_FIGURES = {
    "samples": f"count_over_time({_FIRING}[1d])",
    "last": f"max_over_time(timestamp({_FIRING})[1d:{STEP_SECONDS}s])",
    "seconds": f"{STEP_SECONDS} * count_over_time({_FIRING}[1d:{STEP_SECONDS}s])",
}
QUERY = " or ".join(
    f'label_replace({expression}, "{_FIGURE}", "{name}", "", "")'
    for name, expression in _FIGURES.items()
)


@dataclass(frozen=True)
class Fired:
    """One alert that fired in the last day.

    Args:
        name: of its rule.
        severity: as its rule says; empty when it says nothing.
        agent: whom it was about, empty when it was about no agent.
        labels: the others.
        last: Unix time at which it was last seen to fire; 0 when that was too short to tell.
        seconds: how long it fired, all in all.
    """

    name: str
    severity: str
    agent: str
    labels: tuple[tuple[str, str], ...]
    last: float
    seconds: float


@dataclass(frozen=True)
class History:
    """What fired in the last day, the latest first.

    Args:
        asked: whether there is a Prometheus to ask.
        problem: why it is not known, for a person; empty when it is.
        fired: the alerts.
    """

    asked: bool = False
    problem: str = ""
    fired: tuple[Fired, ...] = ()


class AlertHistory:
    """Asks Prometheus what fired, when somebody wants to know.

    Args:
        url: of Prometheus, for example ``http://prometheus:9090``; empty when there is none.
    """

    def __init__(self, url: str) -> None:
        question = urlencode({"query": QUERY, "timeout": f"{TIMEOUT_SECONDS:.0f}s"})
        self._address = f"{url.rstrip('/')}/api/v1/query?{question}" if url else ""
        self._asker = Asker(self._ask, KEPT_SECONDS, "ask-prometheus")

    def current(self) -> History:
        """Return what fired, at most some minutes old. Never raises."""
        if not self._address:
            return History()
        try:
            return self._asker.current()
        except NotAskedError as problem:
            return History(True, f"Prometheus {problem}")

    def _ask(self) -> History:
        answer = fetch_json(self._address, MAX_ANSWER_BYTES, TIMEOUT_SECONDS)
        try:
            rows = [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]
            return History(True, "", _fired(rows))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise NotAskedError("answers, but sends no figures") from None


def _fired(rows: list[tuple[Mapping[str, str], float]]) -> tuple[Fired, ...]:
    figures: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for labels, value in rows:
        key = tuple(sorted((k, str(v)) for k, v in labels.items() if k != _FIGURE))
        figures.setdefault(key, {})[labels[_FIGURE]] = value if math.isfinite(value) else 0.0
    found = (_one(dict(key), values) for key, values in figures.items())
    return tuple(sorted(found, key=lambda fired: (-fired.last, fired.name, fired.agent)))


def _one(labels: dict[str, Any], values: Mapping[str, float]) -> Fired:
    others = ((k, v) for k, v in labels.items() if k not in _APART and (k, v) != ("job", "dreamos"))
    name, severity, agent = (labels.get(k, "") for k in ("alertname", "severity", "agent"))
    last, seconds = values.get("last", 0.0), values.get("seconds", 0.0)
    return Fired(name, severity, agent, tuple(others), last, seconds)
