"""Status of an agent or a group by the service's own clock, as series of the group."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import (
    COUNT,
    RECENT,
    Entry,
    Family,
    Floats,
    SeriesList,
)

STATES = ("running", "ended", "lost")
ENDS = ("clean", "lost")
HEARTBEATS = "dreamos_agent_heartbeats_total"
PROGRESS = "dreamos_agent_progress_total"

_AGENT: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "dreamos_agent_incarnations",
        "gauge",
        "Live processes of the agent.",
        ("",),
    ),
    (
        "dreamos_agent_incarnations_ended_total",
        "counter",
        "Processes of the agent that ended, by how: clean (with a final push) or lost.",
        tuple(f'end="{end}"' for end in ENDS),
    ),
    (
        "dreamos_agent_last_heartbeat_timestamp_seconds",
        "gauge",
        "When the agent's heartbeat was last seen to rise, by the service's clock; 0 for never.",
        ("",),
    ),
    (
        "dreamos_agent_last_progress_timestamp_seconds",
        "gauge",
        "When the agent's progress was last seen to rise, by the service's clock; 0 for never.",
        ("",),
    ),
    (
        "dreamos_agent_last_push_timestamp_seconds",
        "gauge",
        "When the agent last pushed, by the service's clock.",
        ("",),
    ),
    (
        "dreamos_agent_state",
        "gauge",
        "1 for the state the agent is in: running, ended (cleanly) or lost (silent).",
        tuple(f'state="{state}"' for state in STATES),
    ),
    (
        "dreamos_series",
        "gauge",
        "Series that the group pushes, its retired ones included.",
        ("",),
    ),
)
_PLAIN: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "push_failure_time_seconds",
        "gauge",
        "Last Unix time when changing this group failed; 0 for never.",
        ("",),
    ),
    (
        "push_time_seconds",
        "gauge",
        "Last Unix time when this group was changed.",
        ("",),
    ),
)


@cache
def record_list(agent: bool, plain: bool) -> SeriesList:
    """Return the list of the series that describe a group; one and the same for all groups."""
    rows = sorted([*(_AGENT if agent else _AGENT[-1:]), *(_PLAIN if plain else ())])
    families = [Family(name, kind, text) for name, kind, text, _ in rows]
    entries = [
        [Entry(name, labels, COUNT if kind == "counter" else RECENT) for labels in variants]
        for name, kind, _, variants in rows
    ]
    return SeriesList(families, entries)


@dataclass
class AgentStatus:
    """The record of one group; times are Unix times of the service, 0 for never."""

    state: str = ""
    last_push: float = 0.0
    last_heartbeat: float = 0.0
    last_progress: float = 0.0
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDS, 0))
    push_time: float = 0.0
    push_failure_time: float = 0.0
    ended_at: float = 0.0
    """When the process ended that ended last."""
    last_end: str = "ended"
    """The state that its end leaves the agent in: ended or lost."""

    def note_end(self, lost: bool, at: float) -> None:
        """Count the end of a process, and judge it by when it happened.

        Args:
            lost: it ended without a word of its own.
            at: when, Unix time. Whoever is told of late does not change what came after.
        """
        self.ended["lost" if lost else "clean"] += 1
        if at >= self.ended_at:
            self.ended_at, self.last_end = at, "lost" if lost else "ended"

    def part(self, agent: bool, plain: bool, live: int) -> Part:
        """Return the record as a contribution to what the group shows.

        Args:
            agent: the group has an agent.
            plain: it was pushed to without an incarnation.
            live: processes that live.
        """
        values: list[float] = []
        if agent:
            values += [live, *(self.ended[end] for end in ENDS)]
            values += [self.last_heartbeat, self.last_progress, self.last_push]
            values += [float(self.state == state) for state in STATES]
        values.append(0.0)
        if plain:
            values += [self.push_failure_time, self.push_time]
        array: Floats = np.array(values, dtype=np.float64)
        return Part(record_list(agent, plain), array)
