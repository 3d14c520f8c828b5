from __future__ import annotations

import json
import time
from datetime import timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.collectors.workspace import inbox, queue, status, tasks
from services.metrics.collectors.workspace.file_cache import Look, UnusableError, decode
from services.metrics.collectors.workspace.parsing import count, items, number, points, stamp

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
    ],
)
def test_free_text_becomes_one_of_a_few_states(said: object, state: str) -> None:
    assert state == status.state_of(said)


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
            assert problem.reason in {"empty", "wrong_shape", "not_json"}  # noqa: PT017


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_reason_at_worst(data: bytes) -> None:
    for parse in (status.parse, inbox.parse, queue.parse, tasks.parse, queue.parse_deliveries):
        try:
            parse(data, Look(0.0))
        except UnusableError as problem:
            assert problem.reason in {"empty", "wrong_shape", "not_json"}  # noqa: PT017


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
    ],
)
def test_an_inbox_file_counts_what_nobody_handled(content: object, unread: int) -> None:
    assert unread == inbox.parse(json.dumps(content).encode(), Look(0.0)).unread


def test_tasks_are_counted_by_state_in_either_form() -> None:
    found = [{"status": "Completed"}, {"status": "in-progress"}, {"status": "odd"}, "text", {}]
    as_list = tasks.parse(json.dumps(found).encode(), Look(0.0))
    as_object = tasks.parse(json.dumps(dict(enumerate(found))).encode(), Look(0.0))
    assert as_list == as_object
    assert 1 == as_list["completed"] == as_list["in_progress"]
    assert 3 == as_list["unknown"]
