"""Task store: tasks by state."""

from __future__ import annotations

from services.metrics.observer.workspace.file_cache import Look, UnusableError, decode
from services.metrics.observer.workspace.parsing import document

MAX_BYTES = 16 << 20
STATES = (
    "pending",
    "assigned",
    "in_progress",
    "completed",
    "failed",
    "blocked",
    "cancelled",
    "unknown",
)

_STATE_OF = {
    **{state: state for state in STATES},
    **dict.fromkeys(("new", "open", "todo", "queued", "created", "unassigned"), "pending"),
    **dict.fromkeys(("claimed", "accepted"), "assigned"),
    **dict.fromkeys(("active", "started", "working", "running", "executing"), "in_progress"),
    **dict.fromkeys(("complete", "done", "finished", "closed"), "completed"),
    **dict.fromkeys(("error",), "failed"),
    **dict.fromkeys(("canceled", "aborted"), "cancelled"),
}


def parse(data: bytes, look: Look) -> dict[str, int]:
    """Return the number of tasks by state.

    Raises UnusableError when the file is neither an object nor a list of tasks.
    """
    found = document(decode(data, "tasks", look))
    if isinstance(found, dict):
        inner = found.get("tasks")
        found = inner if isinstance(inner, (dict, list)) else found
    if isinstance(found, dict):
        found = list(found.values())
    if not isinstance(found, list):
        raise UnusableError("wrong_shape")
    counts = dict.fromkeys(STATES, 0)
    for task in found:
        status = task.get("status") if isinstance(task, dict) else None
        word = status.lower().replace("-", "_").replace(" ", "_") if isinstance(status, str) else ""
        counts[_STATE_OF.get(word, "unknown")] += 1
    return counts
