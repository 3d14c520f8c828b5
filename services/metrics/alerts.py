"""What fires now, asked from Alertmanager for the status page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.metrics.asking import Asker, NotAskedError, fetch_json

KEPT_SECONDS = 5.0
MAX_ANSWER_BYTES = 32 << 20
"""Some 20,000 alerts."""
HEARTBEAT = "Watchdog"
"""Fires always; without it Alertmanager hears nothing of any other alert."""
SEVERITIES = ("critical", "warning", "info")
_UNNOTIFIED = ("info", "none")
_SHOWN_APART = ("alertname", "severity", "agent", "stack")


@dataclass(frozen=True)
class Alert:
    """One alert that fires.

    Args:
        name: of its rule.
        severity: as its rule says; empty when it says nothing.
        agent: whom it is about, empty when it is about no agent.
        labels: the others.
        summary: one sentence, written by the rule; anything may be in it.
        since: Unix time at which it began, 0 when Alertmanager does not say.
        silenced: whether a silence mutes it.
        inhibited: whether another alert mutes it.
    """

    name: str
    severity: str
    agent: str
    labels: tuple[tuple[str, str], ...]
    summary: str
    since: float
    silenced: bool
    inhibited: bool

    @property
    def serious(self) -> bool:
        """Whether somebody is to be told: every severity but info and none, also a missing one."""
        return self.severity not in _UNNOTIFIED

    @property
    def muted(self) -> bool:
        """Whether nobody is told of it now."""
        return self.silenced or self.inhibited

    @property
    def rank(self) -> tuple[bool, int, float, str]:
        """Where it stands in a list: what is told, the gravest, the newest first."""
        known = self.severity in SEVERITIES
        order = SEVERITIES.index(self.severity) if known else SEVERITIES.index("warning")
        return self.muted, order, -self.since, self.name


@dataclass(frozen=True)
class Alerts:
    """Everything that fires, as far as it is known.

    Args:
        asked: whether there is an Alertmanager to ask.
        problem: why what fires is not known, or not all of it, for a person; empty when it is.
        firing: the alerts, the gravest first, without the one that fires always.
    """

    asked: bool = False
    problem: str = ""
    firing: tuple[Alert, ...] = ()

    def count(self, severity: str, muted: bool = False) -> int:
        """Return how many of a severity fire; one of an unknown severity counts as a warning."""
        return sum(
            severity == ("critical" if alert.severity == "critical" else "warning")
            for alert in self.firing
            if alert.serious and alert.muted is muted
        )


class AlertWatch:
    """Asks Alertmanager what fires, when somebody wants to know.

    Args:
        url: of Alertmanager, for example ``http://alertmanager:9093``; empty when there is none.
    """

    def __init__(self, url: str) -> None:
        self._address = f"{url.rstrip('/')}/api/v2/alerts" if url else ""
        self._asker = Asker(self._ask, KEPT_SECONDS, "ask-alertmanager")

    def current(self) -> Alerts:
        """Return what fires, at most some seconds old. Never raises."""
        if not self._address:
            return Alerts()
        try:
            return self._asker.current()
        except NotAskedError as problem:
            return Alerts(True, f"Alertmanager {problem}")

    def _ask(self) -> Alerts:
        return _alerts(fetch_json(self._address, MAX_ANSWER_BYTES))


def _alerts(answer: Any) -> Alerts:
    """Return what is in an answer of ``/api/v2/alerts``."""
    try:
        found = [_alert(alert) for alert in answer]
    except (AttributeError, KeyError, TypeError):
        raise NotAskedError("answers, but sends no alerts") from None
    problem = ""
    if not any(alert.name == HEARTBEAT for alert in found):
        problem = f"Prometheus tells Alertmanager nothing: no {HEARTBEAT} arrives"
    firing = (alert for alert in found if alert.severity != "none")
    return Alerts(True, problem, tuple(sorted(firing, key=lambda alert: alert.rank)))


def _alert(found: Mapping[str, Any]) -> Alert:
    labels, status = found["labels"], found["status"]
    return Alert(
        name=str(labels.get("alertname", "")),
        severity=str(labels.get("severity", "")),
        agent=str(labels.get("agent", "")),
        labels=tuple(
            (name, str(value))
            for name, value in sorted(labels.items())
            if name not in _SHOWN_APART and (name, value) != ("job", "dreamos")
        ),
        summary=str(found["annotations"].get("summary", "")),
        since=_moment(str(found["startsAt"])),
        silenced=bool(status["silencedBy"]),
        inhibited=bool(status["inhibitedBy"]),
    )


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
