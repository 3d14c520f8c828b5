from __future__ import annotations

import json
import time
from datetime import timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.observer.workspace import inbox, queue, status, tasks
from services.metrics.observer.workspace.file_cache import Look, UnusableError, decode
from services.metrics.observer.workspace.parsing import count, items, number, points, stamp

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("ACTIVE_AGENT_MODE", "active"),
        ("active", "active"),
        ("Executing strategic directive", "active"),
        ("ACTIVE_AGENT_MODE - GAS RECEIVED", "active"),
        ("DUAL_TEAM_STRATEGIC_COORDINATION_ACTIVE", "active"),
        ("STANDBY_READY", "idle"),
        ("INACTIVE", "idle"),
        ("SURVEY_MISSION_COMPLETED", "complete"),
        ("SESSION_COMPLETE_AWAITING_COMMANDER", "idle"),
        ("ACTIVE - BLOCKED on credentials", "blocked"),
        ("onboarded", "onboarding"),
        ("ERROR", "error"),
        ("ERROR_HANDLING_COMPLETE", "complete"),
        ("AUTONOMOUS_DUAL_TRACK_LEADERSHIP", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (["ACTIVE"], "unknown"),
        ("OPERATIONAL", "active"),
        ("OPERATIONAL + ENHANCED", "active"),
        ("C-074-2_MONITORING", "active"),
        ("PLANNING_APPROVAL_PENDING", "idle"),
        ("SESSION_COMPLETE_FINAL_REPORT_SENT", "complete"),
        ("UNRESPONSIVE_SINCE_CYCLE_12", "error"),
        ("UNRESPONSIVE_AWAITING_RESTART", "error"),
        ("MISSION_ACCOMPLISHED", "complete"),
        ("RESET", "onboarding"),
    ],
)
def test_free_text_becomes_one_of_a_few_states(said: object, state: str) -> None:
    assert state == status.state_of(said)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"work_status": "V2_COMPLIANCE_MISSION_COMPLETED"}, "complete"),
        (
            {"work_status": {"status": "IN_PROGRESS", "started_at": "2025-08-30T01:25:10Z"}},
            "active",
        ),
        ({"fsm_state": {"current_state": "BLOCKED", "previous_state": "ACTIVE"}}, "blocked"),
        ({"fsm_state": {"state": "idle"}}, "idle"),
        ({"status": {"state": "ACTIVE"}}, "active"),
        ({"state": "RESET"}, "onboarding"),
        ({"agent_status": "MISSION_ACCOMPLISHED"}, "complete"),
        ({"current_phase": "CONTRACT COMPLETED - Ready for Next Assignment"}, "idle"),
        ({"status": "CO_CAPTAIN_MODE", "fsm_state": "ACTIVE"}, "active"),
        ({"status": "LEADERSHIP", "work_status": {"status": 7}, "fsm_state": []}, "unknown"),
        ({"deployment_status": "READY_FOR_DEPLOYMENT"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_state_is_found_wherever_a_document_claims_one(found: dict[str, Any], state: str) -> None:
    assert state == status.newest_state(found, timezone.utc)


def claims(status_of: str, work: str, **times: str) -> dict[str, Any]:
    document: dict[str, Any] = {"status": status_of, "work_status": {"status": work}}
    if "written" in times:
        document["last_updated"] = times["written"]
    if "worked" in times:
        document["work_status"]["updated_at"] = times["worked"]
    return document


@pytest.mark.parametrize(
    ("times", "state"),
    [
        ({"written": "2025-08-30T10:00:00Z", "worked": "2025-08-30T12:00:00Z"}, "blocked"),
        ({"written": "2025-08-30T12:00:00Z", "worked": "2025-08-30T10:00:00Z"}, "active"),
        ({"written": "2025-08-30T12:00:00Z"}, "active"),
        ({"worked": "2025-08-30T10:00:00Z"}, "blocked"),
        ({}, "active"),
    ],
)
def test_of_several_claims_the_newest_counts(times: dict[str, str], state: str) -> None:
    assert state == status.newest_state(claims("ACTIVE", "BLOCKED", **times), timezone.utc)


def test_the_age_that_is_claimed_is_that_of_the_newest_stamp() -> None:
    document = {"last_updated": "2025-12-17 10:00:00", "last_active": "2025-12-17T17:50:00Z"}
    assert 1765993800.0 == status.of(document, timezone.utc).claimed


def test_the_state_machine_speaks_when_the_status_says_nothing() -> None:
    assert "active" == status.state_of("CO_CAPTAIN_MODE", "ACTIVE")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1, 2, 3], 3), ({"a": 1, "b": 2}, 2), ([], 0), (3, 3), (2.0, 2), ("4", 4), ("waiting for keys", 1),
        ("None", 0), ("", 0), (None, None), (True, None), (-2, 0), (float("nan"), None),
    ],
)  # fmt: skip
def test_lists_numbers_and_sentences_are_counted(value: object, found: int | None) -> None:
    assert found == count(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (100, 100),
        ("5,700", None),
        ({"total": 9, "today": 2}, 9),
        ({"a": 2, "b": 3, "c": "x"}, 5),
        ([], None),
    ],
)
def test_points_may_be_a_number_or_an_object(value: object, found: float | None) -> None:
    assert found == points(value)


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-17T17:50:00Z", "2025-12-17 17:50:00", "2025-12-17T17:50:00.000000+00:00",
        "2025-12-17T18:50:00+01:00", 1765993800, "1765993800", 1765993800000,
    ],
)  # fmt: skip
def test_times_in_every_notation_are_the_same_moment(text: object) -> None:
    assert 1765993800.0 == stamp(text, timezone.utc)


@pytest.mark.parametrize(
    "text", ["yesterday", "", None, "0001-01-01", "9999-12-31", -5, 1e300, [], True]
)
def test_what_is_no_time_is_none(text: object) -> None:
    assert stamp(text, timezone.utc) is None


def test_a_time_without_a_zone_is_read_in_the_services_own() -> None:
    here = time.mktime((2025, 12, 17, 17, 50, 0, 0, 0, -1))
    assert here == stamp("2025-12-17 17:50:00", None)


@pytest.mark.parametrize("value", ["1e999", "nan", "inf", float("inf"), True, None, [], 10**400])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


@given(JSON)
def test_any_json_gives_a_status_or_is_refused_with_a_reason(value: Any) -> None:
    for parse in (status.parse, inbox.parse, queue.parse, tasks.parse, queue.parse_deliveries):
        try:
            parse(json.dumps(value).encode("utf-8", "surrogatepass"), Look(0.0))
        except UnusableError as problem:
            assert problem.reason in {"empty", "wrong_shape", "not_json", "merge_conflict"}  # noqa: PT017


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_reason_at_worst(data: bytes) -> None:
    for parse in (status.parse, inbox.parse, queue.parse, tasks.parse, queue.parse_deliveries):
        try:
            parse(data, Look(0.0))
        except UnusableError as problem:
            assert problem.reason in {"empty", "wrong_shape", "not_json", "merge_conflict"}  # noqa: PT017


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}',
        '[{"a": 1},',
        '[{"a": 1} {"b": 2}]',
        "[1] [2]",
        "[1]]",
        "[,]",
        "[1,]",
        "[",
        "[" * 100_000,
    ],
)
def test_a_list_that_breaks_off_or_is_two_is_refused(text: str) -> None:
    with pytest.raises(UnusableError):
        list(items(text))


@given(st.lists(JSON, max_size=5))
def test_a_list_read_piece_by_piece_is_the_list(values: list[Any]) -> None:
    text = json.dumps(values, indent=1)
    assert text == json.dumps(list(items(text)), indent=1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_files_of_windows_editors_are_read(encoding: str) -> None:
    text = '{"status": "BLOCKED", "agent_name": "Zo\u00eb"}'
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    look = Look(0.0)
    assert "blocked" == status.parse(mark + text.encode(encoding), look).state
    assert (1 if encoding == "cp1252" else 0) == look.troubles["status", "encoding"]


@pytest.mark.parametrize("data", [b"", b"  \r\n", b"\0\0\0\0"])
def test_an_empty_file_is_called_empty(data: bytes) -> None:
    with pytest.raises(UnusableError, match="empty"):
        decode(data, "status", Look(0.0))


def test_delivered_entries_are_no_depth() -> None:
    entries = [{"status": s} for s in ("PENDING", "pending", "DELIVERED", "FAILED", "made up", 7)]
    found = queue.parse(json.dumps(entries).encode(), Look(0.0))
    depth = {"pending": 2, "processing": 0, "failed": 1, "expired": 0, "unknown": 2}
    assert depth == found.depth
    assert 1 == found.delivered


def test_an_entry_is_stuck_by_the_time_since_it_was_taken_up() -> None:
    entry = {"status": "PROCESSING", "created_at": 1_000_000, "updated_at": 1_000_100}
    found = queue.parse(json.dumps([entry]).encode(), Look(0.0))
    assert 0 == found.stuck(1_000_400, 300)
    assert 1 == found.stuck(1_000_401, 300)


@pytest.mark.parametrize(
    ("content", "unread"),
    [
        (
            [
                {"content": "a"},
                {"content": "b", "read": True},
                {"content": "c", "status": "processed"},
                "d",
            ],
            2,
        ),
        ({"messages": [{"content": "a"}]}, 1),
        ({"content": "one message", "from": "captain"}, 1),
        ({"tasks": []}, 0),
        ([], 0),
        ({"task_id": "T-7", "title": "Merge", "status": "pending", "items": ["a", "b"]}, 1),
        ({"task_id": "T-7", "title": "Merge", "status": "COMPLETED"}, 0),
        ({"task": {"name": "Merge"}, "completed": True}, 0),
        ({"agent": "A", "tasks": [{"title": "a"}, {"title": "b", "status": "done"}]}, 1),
        ({"title": "Inbox", "messages": [{"content": "a"}, {"content": "b"}]}, 2),
        ({"m1": {"content": "a"}, "m2": {"content": "b", "read": True}}, 1),
        ({"unread": 3}, 0),
        ({}, 0),
    ],
)
def test_an_inbox_file_counts_what_nobody_handled(content: object, unread: int) -> None:
    assert unread == inbox.parse(json.dumps(content).encode(), Look(0.0)).unread


@pytest.mark.parametrize("name", ["timestamp", "created_at", "assigned_at", "sent_at"])
def test_a_task_document_is_as_old_as_it_says(name: str) -> None:
    content = {"task_id": "T-7", name: "2025-12-17T17:50:00Z"}
    assert 1765993800.0 == inbox.parse(json.dumps(content).encode(), Look(0.0)).oldest


CONFLICT = """{
<<<<<<< HEAD
  "status": "ACTIVE",
=======
  "status": "IDLE",
>>>>>>> origin/main
  "cycle_count": 7
}
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_merge_that_nobody_finished_has_a_reason_of_its_own(end: str) -> None:
    data = CONFLICT.replace("\n", end).encode()
    for parse in (status.parse, inbox.parse, tasks.parse):
        with pytest.raises(UnusableError, match="merge_conflict"):
            parse(data, Look(0.0))
    for queue_text in ("[\n" + CONFLICT + "]", "<<<<<<< HEAD\n[1]\n=======\n[2]\n>>>>>>> b\n"):
        with pytest.raises(UnusableError, match="merge_conflict"):
            queue.parse(queue_text.replace("\n", end).encode(), Look(0.0))


def test_a_row_of_signs_in_a_text_is_no_merge() -> None:
    document = {"status": "ACTIVE", "notes": "Heading\n=======\nHEAD <<<<<<< not >>>>>>> yet"}
    assert "active" == status.parse(json.dumps(document).encode(), Look(0.0)).state
    with pytest.raises(UnusableError, match="not_json"):
        status.parse(b'{"notes":\n=======\n', Look(0.0))


def test_tasks_are_counted_by_state_in_either_form() -> None:
    found = [{"status": "Completed"}, {"status": "in-progress"}, {"status": "odd"}, "text", {}]
    as_list = tasks.parse(json.dumps(found).encode(), Look(0.0))
    as_object = tasks.parse(json.dumps(dict(enumerate(found))).encode(), Look(0.0))
    assert as_list == as_object
    assert 1 == as_list["completed"] == as_list["in_progress"]
    assert 3 == as_list["unknown"]
