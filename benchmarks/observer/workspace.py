"""What a large workspace costs: CPU seconds per minute for 1,000 agents with 300 messages each.

Run it from the top of the repository::

    python -m benchmarks.observer.workspace [agents] [messages]

Each round stands for one collection, four of them for a minute. Before each, a twentieth of the
agents rewrite their status and another twentieth get a message: each agent does both about once in
five minutes.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from services.metrics.observer.workspace import WorkspaceCollector

PER_MINUTE = 4
LIMIT = 1.0


def build(root: Path, agents: int, messages: int) -> None:
    """Make a workspace with real status files of median size."""
    status = json.dumps({"status": "ACTIVE_AGENT_MODE", "last_updated": "2026-01-08 19:04:47",
                         "current_tasks": ["a task in a sentence"] * 20, "cycle_count": 3,
                         "completed_tasks": ["another task, done, in a longer sentence"] * 300})  # fmt: skip
    for number in range(agents):
        inbox = root / "agent_workspaces" / f"Agent-{number}" / "inbox"
        inbox.mkdir(parents=True)
        (inbox.parent / "status.json").write_text(status)
        for message in range(messages):
            (inbox / f"INBOX_MESSAGE_{message:04}.md").touch()


def change(root: Path, agents: int, round_number: int) -> None:
    """Let a twentieth of the agents write their status, and a twentieth get mail."""
    chosen = random.Random(round_number).sample(  # noqa: S311
        range(agents), agents // 5
    )
    for number in chosen[::2]:
        file = root / "agent_workspaces" / f"Agent-{number}" / "status.json"
        file.write_text(file.read_text())
    for number in chosen[1::2]:
        inbox = root / "agent_workspaces" / f"Agent-{number}" / "inbox"
        (inbox / f"NEW_{round_number}.md").touch()


def measure(root: Path, agents: int, rounds: int) -> tuple[float, float, int]:
    """Return the CPU seconds of the first collection, of an average later one, and the number of samples."""
    collector = WorkspaceCollector(root, interval=60 / PER_MINUTE)
    began = time.process_time()
    families = collector.collect()
    first, later = time.process_time() - began, 0.0
    for number in range(rounds):
        change(root, agents, number)
        began = time.process_time()
        families = collector.collect()
        later += time.process_time() - began
    return first, later / rounds, sum(len(family.samples) for family in families)


def main() -> int:
    """Print the figures; return 1 when a minute costs more than the limit."""
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), agents, messages)
        first, later, samples = measure(Path(folder), agents, rounds=12)
    minute = later * PER_MINUTE
    print(f"{agents} agents with {messages} messages each, {samples} samples")
    print(f"first collection         {first:7.3f} s CPU")
    print(f"each later one           {later:7.3f} s CPU")
    print(
        f"a minute                 {minute:7.3f} s CPU (limit {LIMIT:.1f}), ratio {minute / LIMIT:.2f}"
    )
    return 0 if minute < LIMIT or agents > 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
