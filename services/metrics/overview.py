"""What the status page shows, read from the service at one moment."""

from __future__ import annotations

import math
import re
import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from services.metrics.alert_history import History
from services.metrics.alerts import Alerts
from services.metrics.file_counters import FILE_COUNTERS
from services.metrics.protocol.push import RejectedFamily
from services.metrics.series.view import View
from services.metrics.service import Service
from services.metrics.store.agent_status import STATES

MOODS = ("lost", "stalled", "running", "ended")
"""How agents are, in the order in which a person wants to see them."""

MAX_LEFT_OUT = 20
"""Agents of which it is shown what was left out."""
_DIGITS = re.compile("0*([0-9]+)")
_OVERDUE = "dreamos_agent_operations_overdue"
_TIMES = ("push", "heartbeat", "progress")


@dataclass(frozen=True)
class Agent:
    """One agent, as the service knows it.

    Args:
        name: as the agent says it; anything may be in it.
        labels: the other labels of its group.
        state: ``running``, ``ended`` or ``lost``.
        processes: how many of it live.
        overdue: operations past the deadline that the agent set itself.
        push: Unix time of the last push, 0 for never; the next two likewise.
        heartbeat: of the last heartbeat.
        progress: of the last progress.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    state: str
    processes: int
    overdue: int
    push: float
    heartbeat: float
    progress: float

    @property
    def mood(self) -> str:
        """The state, with ``stalled`` for one that lives and is past a deadline of its own."""
        return "stalled" if self.state == "running" and self.overdue else self.state

    @property
    def rank(self) -> tuple[int, float, list[tuple[int, str]]]:
        """Where it stands in a list: the troubled first, the latest loss on top."""
        order = MOODS.index(self.mood)
        return order, 0.0 if self.mood in ("stalled", "running") else -self.push, self._by_name

    @property
    def _by_name(self) -> list[tuple[int, str]]:
        """The name in pieces that sort Agent-2 before Agent-10: a longer number is a larger one."""
        pieces = _DIGITS.split(self.name.casefold())
        return [(len(piece) if at % 2 else 0, piece) for at, piece in enumerate(pieces)]


@dataclass(frozen=True)
class Overview:
    """Everything on the page but the agents that are left out of the list.

    Args:
        now: Unix time at which it was read.
        started: Unix time at which the service started.
        status: of the service as a whole.
        components: name, status and detail of each of its parts.
        alerts: what fires.
        history: what fired in the last day.
        moods: number of agents by :attr:`Agent.mood`.
        agents: all of them, the troubled first.
        files: the seed's six counters.
        pushes: by outcome.
        rejected: by reason, only what happened, the most frequent first.
        series: how many the service shows.
        left_out: agents of whose last push families were left out, and which, with the reason.
    """

    now: float
    started: float
    status: str
    components: tuple[tuple[str, str, str], ...]
    alerts: Alerts
    history: History
    moods: dict[str, int]
    agents: tuple[Agent, ...]
    files: dict[str, float]
    pushes: dict[str, int]
    rejected: tuple[tuple[str, int], ...]
    series: int
    left_out: tuple[tuple[str, tuple[RejectedFamily, ...]], ...]


def read(service: Service) -> Overview:
    """Read the service; what others say first, so that the rest is of the moment that is shown."""
    alerts, history = service.alerts.current(), service.alert_history.current()
    status, components = service.health.report()
    sums = service.exposition.sums(FILE_COUNTERS.values())
    views = service.store.views()
    agents = tuple(sorted(_agents(views), key=lambda agent: agent.rank))
    moods = Tally(agent.mood for agent in agents)
    rejected = {k: v for k, v in _values(service.metrics.rejected, "reason").items() if v}
    return Overview(
        now=time.time(),
        started=service.started,
        status=status,
        components=tuple((n, c.status, c.detail) for n, c in sorted(components.items())),
        alerts=alerts,
        history=history,
        moods={mood: moods[mood] for mood in MOODS},
        agents=agents,
        files={name: sums[metric] for name, metric in FILE_COUNTERS.items()},
        pushes=_values(service.metrics.pushes, "outcome"),
        rejected=tuple(sorted(rejected.items(), key=lambda row: -row[1])),
        series=sum(len(view.series) for view in views.values()),
        left_out=tuple(
            (", ".join(f"{name}={value}" for name, value in found.labels), found.families)
            for found in service.store.rejections.current()[:MAX_LEFT_OUT]
        ),
    )


def _values(counter: Any, label: str) -> dict[str, int]:
    samples = (sample for family in counter.collect() for sample in family.samples)
    return {s.labels[label]: int(s.value) for s in samples if s.name.endswith("_total")}


def _agents(views: Mapping[Any, View]) -> Iterable[Agent]:
    for (kind, key), record in views.items():
        labels = dict(key) if kind == "record" else {}
        if "agent" not in labels:
            continue
        known = dict(zip(_series(record), record.values.tolist(), strict=True))
        state = next((s for s in STATES if known.get(("dreamos_agent_state", f'state="{s}"'))), "")
        if not state:
            continue
        times = [known.get((f"dreamos_agent_last_{t}_timestamp_seconds", ""), 0.0) for t in _TIMES]
        yield Agent(
            labels.pop("agent"),
            tuple(labels.items()),
            state,
            int(known.get(("dreamos_agent_incarnations", ""), 0)),
            _overdue(views.get(("group", key))),
            *cast("tuple[float, float, float]", tuple(times)),
        )


def _series(view: View) -> Iterable[tuple[str, str]]:
    return zip(view.series.names, view.series.labels, strict=True)


def _overdue(view: View | None) -> int:
    at = view.series.index.get(_OVERDUE) if view is not None else None
    if view is None or at is None:
        return 0
    total = float(view.values[view.series.starts[at] : view.series.starts[at + 1]].sum())
    return int(total) if math.isfinite(total) and total > 0 else 0
