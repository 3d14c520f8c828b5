from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.metrics.observer.workspace import WorkspaceCollector
from services.metrics.observer.workspace.file_cache import settled
from tests.unit.observer.reading import value, values
from tests.unit.observer.workspaces import Clock, write

STATUS = "agent_workspaces/Agent-1/status.json"
UNREAD = "dreamos_workspace_inbox_unread"
STATE = "dreamos_workspace_agent_state"
STALE = "dreamos_workspace_agent_stale"


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time() + 1000)


@pytest.fixture
def collector(tmp_path: Path, clock: Clock) -> WorkspaceCollector:
    return WorkspaceCollector(tmp_path, clock=clock)


def errors(collector: WorkspaceCollector, kind: str, reason: str) -> float | None:
    name = "dreamos_workspace_read_errors_total"
    return value(collector.collect(), name, kind=kind, reason=reason)


def test_only_folders_that_are_named_like_agents_are_agents(
    tmp_path: Path, collector: WorkspaceCollector
) -> None:
    agents = ("Agent-1", "agent_2", "Agent-SDA-3", "captain", "Captain-THEA")
    junk = ("ALL", "##", "--agent", "Agent-", "Agent-Test", "TestAgent", "contracts", "archive")
    for name in agents + junk:
        (tmp_path / "agent_workspaces" / name).mkdir(parents=True)
    write(tmp_path, "agent_workspaces/Agent-9", "a file, not a folder")
    families = collector.collect()
    assert set(agents) == values(families, STALE, "agent").keys()
    assert len(junk) == value(families, "dreamos_workspace_folders_ignored")


@pytest.mark.parametrize(
    "base",
    ["agent_workspaces", "runtime/agent_comms/agent_mailboxes", "agent_tools/mailbox", "."],
)
def test_the_layouts_of_several_generations_are_known(
    tmp_path: Path, collector: WorkspaceCollector, base: str
) -> None:
    write(tmp_path, f"{base}/agent-3/inbox.json", [{"content": "hello"}])
    assert {"agent-3": 1.0} == values(collector.collect(), UNREAD, "agent")


def test_a_status_becomes_figures(tmp_path: Path, clock: Clock) -> None:
    content = {
        "status": "BLOCKED",
        "last_updated": "2026-01-01T00:00:00Z",
        "current_tasks": ["a", {"name": "b"}],
        "completed_tasks": ["c"],
        "points_earned": {"total": 40},
        "blockers": "no access",
        "cycle_count": 7,
    }
    write(tmp_path, STATUS, content, mtime=clock.now - 60)
    families = WorkspaceCollector(tmp_path, clock=clock).collect()
    prefix, agent = "dreamos_workspace_agent_", {"agent": "Agent-1"}
    assert 1 == value(families, prefix + "state", **agent, state="blocked")
    assert 0 == value(families, prefix + "state", **agent, state="active")
    assert 2 == value(families, prefix + "tasks", **agent, state="current")
    assert 1 == value(families, prefix + "tasks", **agent, state="completed")
    assert 40 == value(families, prefix + "points", **agent)
    assert 1 == value(families, prefix + "blockers", **agent)
    assert 7 == value(families, prefix + "cycles", **agent)
    assert 60 == pytest.approx(value(families, prefix + "status_age_seconds", **agent), abs=1e-3)
    claimed = value(families, prefix + "claimed_age_seconds", **agent)
    assert clock.now - 1767225600 == pytest.approx(claimed)


def test_a_time_in_the_future_is_claimed_as_a_negative_age(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path, STATUS, {"last_updated": clock.now + 3600})
    families = WorkspaceCollector(tmp_path, clock=clock).collect()
    name = "dreamos_workspace_agent_claimed_age_seconds"
    assert -3600 == pytest.approx(value(families, name, agent="Agent-1"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b'{"status": "ACTI', "not_json"),
        (b"[1, 2]", "wrong_shape"),
        (b'{"x": "' + b"y" * (1 << 20) + b'"}', "too_large"),
        (b"[" * 100_000, "not_json"),
        (b'{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> main\n}', "merge_conflict"),
    ],
)
def test_the_last_good_figure_is_kept_and_marked_when_a_file_turns_bad(
    tmp_path: Path, collector: WorkspaceCollector, content: bytes, reason: str
) -> None:
    write(tmp_path, STATUS, {"status": "IDLE", "cycle_count": 3})
    assert 0 == value(collector.collect(), STALE, agent="Agent-1")
    write(tmp_path, STATUS, content)
    families = collector.collect()
    assert 1 == value(families, STALE, agent="Agent-1")
    assert 1 == value(families, STATE, agent="Agent-1", state="idle")
    assert 3 == value(families, "dreamos_workspace_agent_cycles", agent="Agent-1")
    assert 1 == errors(collector, "status", reason)


def test_the_same_bad_content_is_counted_once(
    tmp_path: Path, collector: WorkspaceCollector
) -> None:
    write(tmp_path, STATUS, "{")
    for _ in range(3):
        collector.collect()
    assert 1 == errors(collector, "status", "not_json")
    write(tmp_path, STATUS, "{{")
    assert 2 == errors(collector, "status", "not_json")


def test_a_repaired_file_is_fresh_again(tmp_path: Path, collector: WorkspaceCollector) -> None:
    write(tmp_path, STATUS, "{")
    assert 1 == value(collector.collect(), STALE, agent="Agent-1")
    write(tmp_path, STATUS, {"status": "ACTIVE"})
    families = collector.collect()
    assert 0 == value(families, STALE, agent="Agent-1")
    assert 1 == value(families, STATE, agent="Agent-1", state="active")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are files on POSIX only")
def test_a_pipe_in_place_of_a_file_stops_nothing(
    tmp_path: Path, collector: WorkspaceCollector
) -> None:
    (tmp_path / "agent_workspaces/Agent-1").mkdir(parents=True)
    os.mkfifo(tmp_path / STATUS)
    assert 1 == errors(collector, "status", "unreadable")


def test_a_folder_in_place_of_a_file_is_unreadable(
    tmp_path: Path, collector: WorkspaceCollector
) -> None:
    (tmp_path / STATUS).mkdir(parents=True)
    assert 1 == errors(collector, "status", "unreadable")


def test_a_change_that_keeps_size_and_time_is_seen(
    tmp_path: Path, collector: WorkspaceCollector, clock: Clock
) -> None:
    write(tmp_path, STATUS, '{"status": "IDLE"}', mtime=clock.now - 5000)
    assert 1 == value(collector.collect(), STATE, agent="Agent-1", state="idle")
    write(tmp_path, STATUS, '{"status": "DONE"}', mtime=clock.now - 5000)
    assert 1 == value(collector.collect(), STATE, agent="Agent-1", state="complete")


def test_a_file_read_in_the_tick_of_its_change_is_read_again(tmp_path: Path) -> None:
    file = write(tmp_path, STATUS, '{"status": "IDLE"}')
    at_once = Clock(file.stat().st_ctime)
    collector = WorkspaceCollector(tmp_path, clock=at_once)
    collector.collect()
    watched = collector.agents.found["Agent-1"]._status
    assert watched._seen is None
    at_once.now += 10
    collector.collect()
    assert watched._seen is not None


def test_time_stamps_of_whole_seconds_are_trusted_later(tmp_path: Path) -> None:
    file = write(tmp_path, STATUS, "{}", mtime=1_700_000_000)
    found = file.stat()
    assert not settled(found, found.st_ctime + 2.4)
    assert settled(found, found.st_ctime + 2.6)
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    found = file.stat()
    assert not settled(found, found.st_ctime + 0.05)
    assert settled(found, found.st_ctime + 0.2)


def test_unread_messages_and_the_oldest_of_them_are_told(tmp_path: Path, clock: Clock) -> None:
    inbox = "agent_workspaces/Agent-1/inbox/"
    write(tmp_path, inbox + "A2A_first.md", "x", mtime=clock.now - 500)
    write(tmp_path, inbox + "INBOX_MESSAGE_2.md", "x", mtime=clock.now - 100)
    write(tmp_path, inbox + "older_processed.md", "x", mtime=clock.now - 9000)
    write(tmp_path, inbox + "older_READ.md", "x", mtime=clock.now - 9000)
    write(tmp_path, inbox + ".hidden.md", "x", mtime=clock.now - 9000)
    write(tmp_path, inbox + "archive/old.md", "x", mtime=clock.now - 9000)
    collector = WorkspaceCollector(tmp_path, clock=clock)
    families = collector.collect()
    assert 2 == value(families, UNREAD, agent="Agent-1")
    oldest = "dreamos_workspace_inbox_oldest_age_seconds"
    assert 500 == pytest.approx(value(families, oldest, agent="Agent-1"), abs=1e-3)
    (tmp_path / inbox / "A2A_first.md").rename(tmp_path / inbox / "A2A_first_processed.md")
    families = collector.collect()
    assert 1 == value(families, UNREAD, agent="Agent-1")
    assert 100 == pytest.approx(value(families, oldest, agent="Agent-1"), abs=1e-3)


def test_a_message_that_arrives_or_goes_is_noticed(
    tmp_path: Path, collector: WorkspaceCollector
) -> None:
    inbox = tmp_path / "agent_workspaces/Agent-1/inbox"
    inbox.mkdir(parents=True)
    changes: list[Callable[[], None]] = [
        lambda: None,
        lambda: (inbox / "a.md").touch(),
        lambda: (inbox / "b.md").touch(),
        lambda: (inbox / "a.md").unlink(),
        lambda: (inbox / "b.md").unlink(),
    ]
    seen = []
    for change in changes:
        change()
        seen.append(value(collector.collect(), UNREAD, agent="Agent-1"))
    assert [0, 1, 2, 1, 0] == seen


def test_within_ten_minutes_everything_is_listed_again(tmp_path: Path, clock: Clock) -> None:
    """A shared folder may show a change without a new time stamp."""
    inbox = tmp_path / "agent_workspaces/Agent-1/inbox"
    inbox.mkdir(parents=True)
    (inbox / "a.md").touch()
    collector = WorkspaceCollector(tmp_path, clock=clock, interval=60)
    collector.collect()
    box = collector.agents.found["Agent-1"]._box
    box._seen, box.mail = box._seen, None  # as if the change had not been shown to us
    for _ in range(10):
        families = collector.collect()
    assert box.mail is not None
    assert 1 == value(families, UNREAD, agent="Agent-1")


def test_an_agent_whose_folder_is_gone_leaves_the_figures(
    tmp_path: Path, collector: WorkspaceCollector
) -> None:
    write(tmp_path, STATUS, {})
    write(tmp_path, "agent_workspaces/Agent-2/status.json", {})
    assert {"Agent-1", "Agent-2"} == values(collector.collect(), STALE, "agent").keys()
    (tmp_path / STATUS).unlink()
    (tmp_path / STATUS).parent.rmdir()
    assert {"Agent-2"} == values(collector.collect(), STALE, "agent").keys()


def test_a_workspace_that_vanishes_is_down_and_its_figures_stay_marked(tmp_path: Path) -> None:
    root = tmp_path / "mounted"
    write(root, STATUS, {"status": "ACTIVE"})
    collector = WorkspaceCollector(root)
    assert 1 == value(collector.collect(), "dreamos_workspace_up")
    root.rename(tmp_path / "elsewhere")
    families = collector.collect()
    assert 0 == value(families, "dreamos_workspace_up")
    assert 1 == value(families, STATE, agent="Agent-1", state="active")
    assert 1 == value(families, STALE, agent="Agent-1")


def test_no_text_of_a_file_becomes_a_label(tmp_path: Path, collector: WorkspaceCollector) -> None:
    secret = "hunter2-planted"
    content = dict.fromkeys(("agent_id", "status", "fsm_state", "current_mission"), secret)
    write(tmp_path, STATUS, {**content, "current_tasks": [secret], "blockers": {secret: secret}})
    entry = {"status": secret, "created_at": secret, "message": {"content": secret}}
    write(tmp_path, "message_queue/queue.json", [entry])
    write(tmp_path, "message_queue/metrics.json", [{**entry, "delivery_time_seconds": 2}])
    write(tmp_path, "task_storage/tasks.json", {secret: {"status": secret}})
    line = json.dumps({"agent": secret, "type": secret}) + "\n"
    write(tmp_path, "runtime/agent_comms/activity_events.jsonl", line)
    shown = [s for f in collector.collect() for s in f.samples if secret in str(s)]
    assert [] == shown
