"""An agent's ``status.json``: a word in free text becomes one of a few states, lists become counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from services.metrics.observer.workspace.file_cache import Look, UnusableError, decode
from services.metrics.observer.workspace.parsing import count, document, number, points, stamp

STATES = ("active", "idle", "blocked", "complete", "onboarding", "error", "unknown")
MAX_BYTES = 1 << 20  # bytes; 95 in 100 real ones are below 82 kB

_WORDS = {
    "active": "active executing execution working progress running busy processing started"
    " operational monitoring coordinating planning deploying implementing reviewing testing"
    " investigating oversight activated",
    "idle": "idle standby ready waiting awaiting pending paused inactive sleeping resting offline"
    " available",
    "blocked": "blocked stuck stalled",
    "complete": "complete completed done finished accomplished",
    "onboarding": "onboarding onboarded onboard start initializing initialising resuming reset"
    " restarting",
    "error": "error failed failure crashed fatal",
}
_STATE_OF = {word: state for state, words in _WORDS.items() for word in words.split()}
_LASTING = {"unresponsive": "error"}
"""Words that no later word takes back: ``UNRESPONSIVE_AWAITING_RESTART`` does not wait, it is gone."""
_LETTERS = re.compile(r"[a-z]+")
_STAMPS = ("last_updated", "last_update", "last_active", "last_heartbeat", "timestamp")
_OWN_STAMPS = (
    *("last_updated", "updated_at", "last_update", "last_transition", "transitioned_at"),
    *("timestamp", "actual_completion", "completed_at", "entered_at", "started_at"),
)
"""When an object that makes a claim says that it was last changed."""
_CLAIMS: dict[str, tuple[str, ...]] = {
    "status": ("status", "state", "current"),
    "state": ("state", "current_state", "status", "current"),
    "fsm_state": ("current_state", "state", "status", "current"),
    "work_status": ("status", "state", "current_state"),
    "agent_status": ("status", "state"),
    "mission_status": ("status", "state"),
    "current_phase": ("status", "name"),
}
"""Fields that claim a state, the best first; and, where one is an object, where its text is."""


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
        lasting = [_LASTING[word] for word in words if word in _LASTING]
        known = lasting or [_STATE_OF[word] for word in words if word in _STATE_OF]
        if known:
            return known[-1]
    return "unknown"


def newest_state(found: dict[str, Any], zone: tzinfo | None) -> str:
    """Return the state that the newest of a document's claims names.

    A claim is as old as the object that makes it, or else as the document; of several that are
    equally old the better field counts.
    """
    written = _newest(found, _STAMPS, zone)
    best, since = "unknown", float("-inf")
    for field, inside in _CLAIMS.items():
        claim, when = found.get(field), written
        if isinstance(claim, dict):
            when = _newest(claim, _OWN_STAMPS, zone) or written
            claim = next((claim[name] for name in inside if isinstance(claim.get(name), str)), None)
        state, age = state_of(claim), when if when is not None else float("-inf")
        if state != "unknown" and (best == "unknown" or age > since):
            best, since = state, age
    return best


def _newest(found: dict[str, Any], names: tuple[str, ...], zone: tzinfo | None) -> float | None:
    times = (stamp(found.get(name), zone) for name in names)
    return max((time for time in times if time is not None), default=None)


def parse(data: bytes, look: Look, zone: tzinfo | None = None) -> Status:
    """Read a status file. Raises UnusableError when it is no JSON object."""
    return of(document(decode(data, "status", look)), zone)


def of(found: Any, zone: tzinfo | None) -> Status:
    """Read the object of a status file. Raises UnusableError when it is none."""
    if not isinstance(found, dict):
        raise UnusableError("wrong_shape")
    return Status(
        state=newest_state(found, zone),
        current=count(found.get("current_tasks", found.get("current_task"))),
        completed=count(found.get("completed_tasks")),
        points=points(found.get("points_earned")),
        blockers=count(found.get("blockers")),
        cycles=number(found.get("cycle_count")),
        claimed=_newest(found, _STAMPS, zone),
    )
