"""Workspaces for tests: small ones made by hand, and one laid out from the samples of a real installation."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "fixtures" / "dreamos-samples"
PLACES = {
    "queue.json": "message_queue/queue.json",
    "queue_metrics.json": "message_queue/metrics.json",
    "activity_events.jsonl": "runtime/agent_comms/activity_events.jsonl",
    "tasks.json": "task_storage/tasks.json",
}


class Clock:
    """A clock that stands still until it is moved: far enough in the future that every file is settled."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def write(root: Path, path: str, content: object, mtime: float | None = None) -> Path:
    """Write a file below ``root``: bytes and text as they are, anything else as JSON."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    if mtime is not None:
        os.utime(file, (mtime, mtime))
    return file


def from_samples(root: Path) -> dict[str, str]:
    """Lay the samples out as a workspace of 40 agents; return the sample's name by agent."""
    agents = {}
    for sample in sorted((SAMPLES / "status").iterdir()):
        agent = f"Agent-{sample.name[:2]}"
        agents[agent] = sample.name
        write(root, f"agent_workspaces/{agent}/status.json", sample.read_bytes())
    for name, place in PLACES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / name, root / place)
    return agents
