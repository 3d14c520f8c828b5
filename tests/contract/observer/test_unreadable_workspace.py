"""A workspace that belongs to somebody else: run as an ordinary user, as the service's container does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOBODY = 65534
PROGRAM = """
import json, os, sys
from services.metrics.observer.workspace import WorkspaceCollector
os.setgroups([]), os.setgid(65534), os.setuid(65534)
collector = WorkspaceCollector(sys.argv[1])
for _ in sys.stdin:
    samples = [(s.name, s.labels, s.value) for f in collector.collect() for s in f.samples]
    print(json.dumps(samples), flush=True)
"""

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else"
)


class AsNobody:
    """A collector that runs as the user nobody."""

    def __init__(self, workspace: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(workspace)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def collect(self) -> dict[tuple[str, str], float]:
        """Collect once; return the values by name and the labels, joined."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        samples = json.loads(self.process.stdout.readline())
        return {(name, ",".join(labels.values())): value for name, labels, value in samples}

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture
def workspace() -> Iterator[Path]:
    """A folder that nobody may enter; pytest's own are closed to others further up."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    agent = folder / "agent_workspaces" / "Agent-1"
    (agent / "inbox").mkdir(parents=True)
    (agent / "status.json").write_text('{"status": "IDLE"}')
    (agent / "inbox" / "a.md").touch()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def collector(workspace: Path) -> Iterator[AsNobody]:
    running = AsNobody(workspace)
    yield running
    running.close()


def test_files_that_may_not_be_read_are_counted_once_and_the_rest_is_seen(
    workspace: Path, collector: AsNobody
) -> None:
    status = workspace / "agent_workspaces/Agent-1/status.json"
    collector.collect()
    status.write_text('{"status": "ACTIVE"}')
    status.chmod(0o600)
    for _ in range(3):
        seen = collector.collect()
    assert 1 == seen["dreamos_workspace_read_errors_total", "status,unreadable"]
    assert 1 == seen["dreamos_workspace_agent_stale", "Agent-1"]
    assert 1 == seen["dreamos_workspace_agent_state", "Agent-1,idle"]
    assert 1 == seen["dreamos_workspace_inbox_unread", "Agent-1"]


def test_an_inbox_that_may_not_be_listed_keeps_what_was_known(
    workspace: Path, collector: AsNobody
) -> None:
    inbox = workspace / "agent_workspaces/Agent-1/inbox"
    collector.collect()
    (inbox / "b.md").touch()
    inbox.chmod(0o700)
    for _ in range(3):
        seen = collector.collect()
    assert 1 == seen["dreamos_workspace_read_errors_total", "inbox,unreadable"]
    assert 1 == seen["dreamos_workspace_inbox_unread", "Agent-1"]
    assert 1 == seen["dreamos_workspace_agent_stale", "Agent-1"]
    inbox.chmod(0o755)
    assert 2 == collector.collect()["dreamos_workspace_inbox_unread", "Agent-1"]


def test_agents_that_may_not_be_listed_stay_and_the_workspace_is_down(
    workspace: Path, collector: AsNobody
) -> None:
    assert 1 == collector.collect()["dreamos_workspace_up", ""]
    (workspace / "agent_workspaces").chmod(0o700)
    seen = collector.collect()
    assert 0 == seen["dreamos_workspace_up", ""]
    assert 1 == seen["dreamos_workspace_agents", ""]
    assert 1 == seen["dreamos_workspace_agent_stale", "Agent-1"]
