"""An agent's ``status.json``: a word in free text becomes one of a few states, lists become counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from .file_cache import Look, UnusableError, decode
from .parsing import count, document, number, points, stamp

STATES = ("active", "idle", "blocked", "complete", "onboarding", "error", "unknown")
LIMIT = 1 << 20  # bytes; 95 in 100 real ones are below 82 kB

_WORDS = {
    "active": "active executing execution working progress running busy processing started",
    "idle": "idle standby ready waiting awaiting paused inactive sleeping offline available",
    "blocked": "blocked stuck stalled",
    "complete": "complete completed done finished accomplished",
    "onboarding": "onboarding onboarded onboard start initializing initialising resuming",
    "error": "error failed failure crashed fatal",
}
_STATE_OF = {word: state for state, words in _WORDS.items() for word in words.split()}
_LETTERS = re.compile(r"[a-z]+")
_STAMPS = ("last_updated", "last_update", "last_active", "last_heartbeat", "timestamp")


@dataclass(frozen=True)
class Status:
    """What a status file says. Counts are None where it says nothing; ``claimed`` is Unix seconds."""

    state: str
    current: int | None = None
    completed: int | None = None
    points: float | None = None
    blockers: int | None = None
    cycles: float | None = None
    claimed: float | None = None


def state_of(*texts: object) -> str:
    """Return the state that the first telling text names, by its last known word.

    The last, because that is where such labels put what is true now: ``SESSION_COMPLETE_AWAITING_COMMANDER`` waits.
    """
    for text in texts:
        words = _LETTERS.findall(text[:500].lower()) if isinstance(text, str) else []
        known = [_STATE_OF[word] for word in words if word in _STATE_OF]
        if known:
            return known[-1]
    return "unknown"


def parse(data: bytes, look: Look, zone: tzinfo | None = None) -> Status:
    """Read a status file. Raises UnusableError when it is no JSON object."""
    return of(document(decode(data, "status", look)), zone)


def of(found: Any, zone: tzinfo | None) -> Status:
    """Read the object of a status file. Raises UnusableError when it is none."""
    if not isinstance(found, dict):
        raise UnusableError("wrong_shape")
    claimed = (stamp(found.get(name), zone) for name in _STAMPS)
    return Status(
        state=state_of(found.get("status"), found.get("fsm_state")),
        current=count(found.get("current_tasks", found.get("current_task"))),
        completed=count(found.get("completed_tasks")),
        points=points(found.get("points_earned")),
        blockers=count(found.get("blockers")),
        cycles=number(found.get("cycle_count")),
        claimed=next((time for time in claimed if time is not None), None),
    )
