from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from services.metrics.observer.workspace import WorkspaceCollector, events
from services.metrics.observer.workspace.collector import EVENTS
from tests.unit.observer.reading import value, values
from tests.unit.observer.workspaces import Clock, from_samples, write

QUEUE = "message_queue/queue.json"
RECENT = "message_queue/metrics.json"
COUNT = "dreamos_workspace_delivery_seconds_count"
TOTAL = "dreamos_workspace_events_total"


def event(kind: str, agent: str = "Agent-1") -> str:
    return json.dumps({"ts": "2026-01-01T00:00:00Z", "agent": agent, "type": kind}) + "\n"


def delivery(number: int, seconds: float = 9.0, success: bool = True) -> dict[str, object]:
    return {
        "queue_id": str(number),
        "attempt_number": 1,
        "timestamp": "2026-01-06T13:04:22",
        "delivery_time_seconds": seconds,
        "success": success,
    }


@pytest.fixture
def settled() -> Clock:
    return Clock(time.time() + 1000)


def test_the_samples_of_a_real_installation_give_the_figures_counted_by_hand(
    tmp_path: Path,
) -> None:
    from_samples(tmp_path)
    families = WorkspaceCollector(tmp_path).collect()
    assert 40 == value(families, "dreamos_workspace_agents")
    states = [
        s.labels["state"]
        for f in families
        for s in f.samples
        if s.name == "dreamos_workspace_agent_state" and s.value
    ]
    assert 40 == len(states)
    error = "dreamos_workspace_read_errors_total"
    assert 5 == value(families, error, kind="status", reason="not_json")
    assert 1 == value(families, error, kind="status", reason="empty")
    depth = values(families, "dreamos_workspace_queue_depth", "state")
    assert {"pending": 12, "processing": 1, "failed": 0, "expired": 0, "unknown": 0} == depth
    kept = "dreamos_workspace_queue_delivered_kept"
    assert 25 == value(families, kept, queue="message_queue")
    assert 1 == value(families, "dreamos_workspace_queue_stuck", queue="message_queue")
    assert 100 == value(families, COUNT, queue="message_queue", outcome="success")
    assert 4 == value(families, TOTAL, agent="other", type="tool_run")
    tasks = values(families, "dreamos_workspace_tasks", "state")
    assert 1 == tasks["completed"] == tasks["assigned"]


def test_a_half_written_queue_keeps_the_last_whole_one(tmp_path: Path, settled: Clock) -> None:
    whole = json.dumps([{"status": "PENDING"}] * 3)
    write(tmp_path, QUEUE, whole)
    collector = WorkspaceCollector(tmp_path, clock=settled)
    collector.collect()
    write(tmp_path, QUEUE, whole[:-5])
    families = collector.collect()
    assert 3 == values(families, "dreamos_workspace_queue_depth", "state")["pending"]
    assert 1 == value(families, "dreamos_workspace_file_stale", file="message_queue")
    write(tmp_path, QUEUE, "[]")
    families = collector.collect()
    assert 0 == values(families, "dreamos_workspace_queue_depth", "state")["pending"]
    assert 0 == value(families, "dreamos_workspace_file_stale", file="message_queue")


def test_the_oldest_pending_entry_ages_without_a_change_of_the_file(
    tmp_path: Path, settled: Clock
) -> None:
    write(tmp_path, QUEUE, [{"status": "PENDING", "created_at": settled.now - 50}])
    collector = WorkspaceCollector(tmp_path, clock=settled)
    name = "dreamos_workspace_queue_oldest_pending_age_seconds"
    first = value(collector.collect(), name, queue="message_queue")
    settled.now += 30
    assert (50, 80) == (first, value(collector.collect(), name, queue="message_queue"))


def test_each_delivery_counts_once_while_the_file_rolls_on(tmp_path: Path, settled: Clock) -> None:
    collector = WorkspaceCollector(tmp_path, clock=settled)
    for first in (0, 3, 3, 8):
        write(tmp_path, RECENT, [delivery(n) for n in range(first, first + 10)])
        families = collector.collect()
    assert 18 == value(families, COUNT, queue="message_queue", outcome="success")


def test_delivery_times_fall_into_buckets_by_outcome(tmp_path: Path) -> None:
    records = [
        delivery(1, 6.7),
        delivery(2, 14.5),
        delivery(3, 65),
        delivery(4, 500, success=False),
    ]
    write(tmp_path, RECENT, records)
    families = WorkspaceCollector(tmp_path).collect()
    bucket, queue = "dreamos_workspace_delivery_seconds_bucket", "message_queue"
    found = [
        value(families, bucket, queue=queue, outcome="success", le=bound)
        for bound in ("5.0", "7.5", "15.0", "60.0", "90.0", "+Inf")
    ]
    assert [0, 1, 2, 2, 3, 3] == found
    total = "dreamos_workspace_delivery_seconds_sum"
    assert 500 == value(families, total, queue=queue, outcome="failure")


def test_events_are_read_from_where_we_stopped(tmp_path: Path) -> None:
    log = write(tmp_path, EVENTS, event("GIT_PUSH") + event("TASK_CLAIMED"))
    (tmp_path / "agent_workspaces/Agent-1").mkdir(parents=True)
    collector = WorkspaceCollector(tmp_path)
    collector.collect()
    with log.open("a") as file:
        file.write(event("GIT_PUSH") + event("GIT_PUSH", agent="Agent-77") + '{"type": "GIT_P')
    families = collector.collect()
    assert 2 == value(families, TOTAL, agent="Agent-1", type="git_push")
    assert 1 == value(families, TOTAL, agent="other", type="git_push")
    with log.open("a") as file:
        file.write('USH", "agent": "Agent-1"}\n')
    assert 3 == value(collector.collect(), TOTAL, agent="Agent-1", type="git_push")


def test_a_rotated_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = write(tmp_path, EVENTS, event("GIT_PUSH") * 5)
    collector = WorkspaceCollector(tmp_path)
    collector.collect()
    log.rename(log.with_suffix(".1"))
    write(tmp_path, EVENTS, event("GIT_COMMIT") + event("GIT_PUSH") * 9)
    families = collector.collect()
    assert 14 == value(families, TOTAL, agent="other", type="git_push")


def test_a_log_that_an_editor_wrote_anew_is_not_counted_twice(tmp_path: Path) -> None:
    log = write(tmp_path, EVENTS, event("GIT_PUSH") * 5)
    collector = WorkspaceCollector(tmp_path)
    collector.collect()
    beside = write(tmp_path, EVENTS + ".new", event("GIT_PUSH") * 6)
    beside.replace(log)
    assert 6 == value(collector.collect(), TOTAL, agent="other", type="git_push")


def test_a_log_larger_than_one_bite_is_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_CHUNK_BYTES", 1000)
    write(tmp_path, EVENTS, event("TOOL_RUN") * 100)
    collector = WorkspaceCollector(tmp_path)
    for _ in range(20):
        families = collector.collect()
    assert 100 == value(families, TOTAL, agent="other", type="tool_run")


def test_lines_that_are_no_events_are_counted_as_errors(tmp_path: Path) -> None:
    write(tmp_path, EVENTS, "not json\n\n[1]\n" + event("GIT_PUSH"))
    families = WorkspaceCollector(tmp_path).collect()
    name = "dreamos_workspace_read_errors_total"
    assert 2 == value(families, name, kind="events", reason="not_json")
    assert 1 == value(families, TOTAL, agent="other", type="git_push")


def test_events_around_a_merge_conflict_are_counted_and_its_marks_named(tmp_path: Path) -> None:
    sides = event("GIT_PUSH") + "=======\n" + event("GIT_PUSH")
    write(tmp_path, EVENTS, "<<<<<<< HEAD\n" + sides + ">>>>>>> main\n")
    families = WorkspaceCollector(tmp_path).collect()
    name = "dreamos_workspace_read_errors_total"
    assert 3 == value(families, name, kind="events", reason="merge_conflict")
    assert 2 == value(families, TOTAL, agent="other", type="git_push")


def test_history_carries_no_beginning_but_what_comes_later_does(tmp_path: Path) -> None:
    """Else years of history would look like a burst of the minute in which the service started."""
    log = write(tmp_path, EVENTS, event("GIT_PUSH"))
    collector = WorkspaceCollector(tmp_path)
    collector.collect()
    with log.open("a") as file:
        file.write(event("BRAIN_WRITE"))
    created = values(collector.collect(), "dreamos_workspace_events_created", "type")
    assert {"brain_write"} == created.keys()


def test_a_restart_counts_nothing_twice(tmp_path: Path) -> None:
    ledger, root = tmp_path / "ledger.json", tmp_path / "workspace"
    log = write(root, EVENTS, event("GIT_PUSH") * 3)
    write(root, RECENT, [delivery(n) for n in range(5)])
    WorkspaceCollector(root, ledger=ledger).collect()
    with log.open("a") as file:
        file.write(event("GIT_PUSH"))
    write(root, RECENT, [delivery(n) for n in range(2, 7)])
    families = WorkspaceCollector(root, ledger=ledger).collect()
    assert 4 == value(families, TOTAL, agent="other", type="git_push")
    assert 7 == value(families, COUNT, queue="message_queue", outcome="success")
    total = value(
        families, "dreamos_workspace_delivery_seconds_sum", queue="message_queue", outcome="success"
    )
    assert 63 == total


def test_a_restart_after_a_rotation_keeps_what_was_counted(tmp_path: Path) -> None:
    ledger, root = tmp_path / "ledger.json", tmp_path / "workspace"
    log = write(root, EVENTS, event("GIT_PUSH") * 3)
    WorkspaceCollector(root, ledger=ledger).collect()
    log.write_text(event("GIT_COMMIT"))
    families = WorkspaceCollector(root, ledger=ledger).collect()
    assert 3 == value(families, TOTAL, agent="other", type="git_push")
    assert 1 == value(families, TOTAL, agent="other", type="git_commit")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', "null"])
def test_a_damaged_ledger_is_set_aside(tmp_path: Path, damage: str) -> None:
    ledger, root = tmp_path / "ledger.json", tmp_path / "workspace"
    ledger.write_text(damage)
    write(root, EVENTS, event("GIT_PUSH"))
    families = WorkspaceCollector(root, ledger=ledger).collect()
    assert 1 == value(families, TOTAL, agent="other", type="git_push")
    assert damage == (tmp_path / "ledger.damaged").read_text()


def test_a_ledger_that_cannot_be_written_costs_only_the_memory_of_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "workspace"
    log = write(root, EVENTS, event("GIT_PUSH"))
    collector = WorkspaceCollector(root, ledger=tmp_path / "no" / "such" / "ledger.json")
    collector.collect()
    with log.open("a") as file:
        file.write(event("GIT_PUSH"))
    assert 2 == value(collector.collect(), TOTAL, agent="other", type="git_push")
    assert 1 == len(caplog.records)
