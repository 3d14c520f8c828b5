"""What the service knows of an agent, as series."""

from __future__ import annotations

from services.metrics.store.agent_status import AgentStatus, record_list
from tests.unit.service.series.lists import shown


def test_a_record_shows_state_times_and_ends() -> None:
    record = AgentStatus("lost", 5.0, 4.0, 3.0)
    record.ended["clean"] = 2
    found = shown(record.part(agent=True, plain=False, live=1))
    assert 1 == found['dreamos_agent_state{state="lost"}']
    assert 0 == found['dreamos_agent_state{state="running"}']
    assert 2 == found['dreamos_agent_incarnations_ended_total{end="clean"}']
    assert (5, 4, 3, 1) == tuple(
        found[f"dreamos_agent_{name}"]
        for name in (
            "last_push_timestamp_seconds",
            "last_heartbeat_timestamp_seconds",
            "last_progress_timestamp_seconds",
            "incarnations",
        )
    )


def test_a_plain_group_shows_when_it_was_changed_and_when_that_failed() -> None:
    record = AgentStatus(push_time=7.0, push_failure_time=6.0)
    found = shown(record.part(agent=False, plain=True, live=0))
    assert {"dreamos_series": 0, "push_failure_time_seconds": 6, "push_time_seconds": 7} == found


def test_all_groups_share_the_lists() -> None:
    assert record_list(True, False) is record_list(True, False)
