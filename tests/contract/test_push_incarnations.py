"""The rule of incarnations: exactly once, whatever is sent twice, late or not at all."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.contract.conftest import Running
from tools.waiting import eventually, eventually_equal

COUNTER = "# TYPE {name} counter\n{name} {value}\n"


def counter(name: str, value: float) -> str:
    return COUNTER.format(name=name, value=value)


def test_totals_are_the_sum_of_the_live_and_the_ended(shared: Running) -> None:
    for process, value in (("a", 3), ("b", 4)):
        shared.push(f"sum/agent/A/incarnation/{process}", counter("t_total", value))
    assert 7 == shared.value("t_total", job="sum", agent="A")
    final = {"Dreamos_Final": "1"}
    shared.push("sum/agent/A/incarnation/a", counter("t_total", 5), **final)
    assert 9 == shared.value("t_total", job="sum", agent="A")


def test_incarnation_is_never_exposed(shared: Running) -> None:
    shared.push("hidden/agent/A/incarnation/secret-process", counter("t_total", 1))
    assert "secret-process" not in shared.scrape()


def test_a_repeated_push_changes_nothing(shared: Running) -> None:
    for _ in range(3):
        reply = shared.push(
            "repeat/agent/A/incarnation/a", counter("t_total", 3), Dreamos_Sequence="1"
        )
        assert 200 == reply.status
    assert "stale" == reply.headers["dreamos-result"]
    assert 3 == shared.value("t_total", job="repeat")


def test_a_late_push_changes_nothing(shared: Running) -> None:
    path = "late/agent/A/incarnation/a"
    shared.push(path, counter("t_total", 9), Dreamos_Sequence="2")
    assert (
        "stale"
        == shared.push(path, counter("t_total", 3), Dreamos_Sequence="1").headers["dreamos-result"]
    )
    assert 9 == shared.value("t_total", job="late")


def test_a_repeated_final_push_changes_nothing(shared: Running) -> None:
    path = "final/agent/A/incarnation/a"
    for sequence in ("1", "1", "2"):
        reply = shared.push(
            path, counter("t_total", 3), Dreamos_Sequence=sequence, Dreamos_Final="1"
        )
        assert 200 == reply.status
    assert 3 == shared.value("t_total", job="final")
    assert 1 == shared.value("dreamos_agent_incarnations_ended_total", job="final", end="clean")
    assert 1 == shared.value("dreamos_agent_state", job="final", state="ended")


def test_gauges_vanish_with_their_process_and_counters_stay(shared: Running) -> None:
    path = "gauge/agent/A/incarnation/a"
    body = counter("t_total", 3) + "# TYPE depth gauge\ndepth 8\n"
    shared.push(path, body)
    assert 8 == shared.value("depth", job="gauge")
    assert 200 == shared.push(path, method="DELETE").status
    assert None is shared.value("depth", job="gauge")
    assert 3 == shared.value("t_total", job="gauge")


def test_gauges_of_several_processes_combine_as_the_metric_asks(shared: Running) -> None:
    expected = {"sum": 12, "max": 7, "min": 5, "mostrecent": 5}
    for process, value in (("a", 7), ("b", 5)):
        body = "".join(
            f"# dreamos:aggregate g_{how} {how}\n# TYPE g_{how} gauge\ng_{how} {value}\n"
            for how in expected
        )
        assert 200 == shared.push(f"how/agent/A/incarnation/{process}", body).status
    assert expected == {how: shared.value(f"g_{how}", job="how") for how in expected}


def test_silence_makes_a_process_lost_and_its_return_replaces_what_was_folded(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    path = "ttl/agent/A/incarnation/a"
    service.push(path, counter("t_total", 3), Dreamos_TTL="0.1", Dreamos_Sequence="1")
    eventually_equal(1, lambda: service.value("dreamos_agent_state", job="ttl", state="lost"))
    assert 3 == service.value("t_total", job="ttl")
    service.push(path, counter("t_total", 5), Dreamos_Sequence="2")
    assert 5 == service.value("t_total", job="ttl")
    assert 1 == service.value("dreamos_agent_state", job="ttl", state="running")
    assert 1 == service.value("dreamos_agent_incarnations_ended_total", end="lost")


def test_a_killed_process_counts_as_lost(shared: Running) -> None:
    shared.push(
        "killed/agent/A/incarnation/a",
        counter("t_total", 2),
        Dreamos_Final="1",
        Dreamos_Uncertain="1",
    )
    assert 1 == shared.value("dreamos_agent_state", job="killed", state="lost")
    assert 2 == shared.value("t_total", job="killed")


def end(service: Running, process: str, ago: str, **headers: str) -> None:
    path = f"ends/agent/A/incarnation/{process}"
    more = {"Dreamos_Final": "1", **({"Dreamos_Ended_Ago": ago} if ago else {}), **headers}
    assert 200 == service.push(path, counter("t_total", 1), **more).status


def state_of(service: Running) -> set[str]:
    return {
        state
        for state in ("running", "ended", "lost")
        if service.value("dreamos_agent_state", job="ends", state=state)
    }


def test_the_end_of_an_agent_is_the_one_that_happened_last_not_the_one_told_of_last(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    end(service, "parent", "")
    end(service, "child", "3.5", Dreamos_Uncertain="1")
    assert {"ended"} == state_of(service)
    end(service, "orphan", "0", Dreamos_Uncertain="1")
    assert {"lost"} == state_of(service)
    end(service, "yesterday", "86400")
    assert {"lost"} == state_of(service)
    assert 4 == service.value("t_total", job="ends")
    assert 2 == service.value("dreamos_agent_incarnations_ended_total", end="lost")


def test_a_process_that_fell_silent_before_another_one_ended_in_order_ended_before_it(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    path = "ends/agent/A/incarnation/worker"
    service.push(path, counter("t_total", 1), Dreamos_TTL="0.1")
    end(service, "main", "")
    eventually_equal(1, lambda: service.value("dreamos_agent_incarnations_ended_total", end="lost"))
    assert {"ended"} == state_of(service)


def test_what_a_process_left_does_not_look_like_a_sign_of_life(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    end(service, "main", "")
    pushed = service.value("dreamos_agent_last_push_timestamp_seconds", job="ends")
    body = counter("dreamos_agent_heartbeats_total", 4)
    path = "ends/agent/A/incarnation/child"
    service.push(path, body, Dreamos_Final="1", Dreamos_Ended_Ago="3600")
    assert pushed == service.value("dreamos_agent_last_push_timestamp_seconds", job="ends")
    beat = service.value("dreamos_agent_last_heartbeat_timestamp_seconds", job="ends")
    assert pushed is not None
    assert beat is not None
    assert pushed - 3700 < beat < pushed - 3500


def test_a_time_of_ending_that_is_none_is_refused(shared: Running) -> None:
    for wrong in ("-1", "nan", "inf", "soon", "1e99", "1_0"):
        answer = shared.push(
            "ends/agent/A/incarnation/a", "", Dreamos_Final="1", Dreamos_Ended_Ago=wrong
        )
        assert 400 == answer.status, wrong
        assert "Dreamos-Ended-Ago" in answer.text


def test_heartbeats_and_progress_are_noted_when_they_rise(shared: Running) -> None:
    path = "beat/agent/A/incarnation/a"
    beat = "dreamos_agent_last_heartbeat_timestamp_seconds"
    shared.push(path, counter("dreamos_agent_heartbeats_total", 0))
    assert 0 == shared.value(beat, job="beat")
    shared.push(path, counter("dreamos_agent_heartbeats_total", 1))
    first = shared.value(beat, job="beat")
    assert first
    shared.push(path, counter("dreamos_agent_heartbeats_total", 1))
    assert first == shared.value(beat, job="beat")
    assert 0 == shared.value("dreamos_agent_last_progress_timestamp_seconds", job="beat")


def test_values_alone_are_enough_once_the_lines_are_known(shared: Running) -> None:
    path = "compact/agent/A/incarnation/a"
    text = counter("t_total", 1) + "# TYPE g gauge\ng 2\n"
    name = shared.push(path, text, Dreamos_Sequence="1").headers["dreamos-series-list"]
    kind = {"Content_Type": "application/vnd.dreamos.values"}
    reply = shared.push(
        path, struct.pack("<2d", 6, 0.5), Dreamos_Series_List=name, Dreamos_Sequence="2", **kind
    )
    assert (200, "accepted") == (reply.status, reply.headers["dreamos-result"])
    assert (6, 0.5) == (shared.value("t_total", job="compact"), shared.value("g", job="compact"))
    unknown = shared.push(path, bytes(16), Dreamos_Series_List="nobody", **kind)
    assert 409 == unknown.status
    short = shared.push(path, bytes(8), Dreamos_Series_List=name, **kind)
    assert 400 == short.status
    assert 6 == shared.value("t_total", job="compact")


def test_totals_of_a_series_that_a_process_drops_stay(shared: Running) -> None:
    path = "drop/agent/A/incarnation/a"
    shared.push(path, counter("t_total", 3) + counter("u_total", 4))
    shared.push(path, counter("t_total", 5))
    assert (5, 4) == (shared.value("t_total", job="drop"), shared.value("u_total", job="drop"))


def test_a_silent_agent_is_hidden_after_a_while_and_carries_on_where_it_was(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_SERIES_RETENTION="2")
    body = "# TYPE a_total counter\na_total {}\n# TYPE b gauge\nb 1\n"
    service.push("hidden/agent/A/incarnation/1", body.format(5), Dreamos_Final="1")
    service.push("hidden/agent/B/incarnation/1", body.format(1), Dreamos_TTL="600")
    assert 5 == service.value("a_total", agent="A")
    eventually(lambda: 'agent="A"' not in service.scrape())
    assert 1 == service.value("a_total", agent="B")  # silent as long, but it lives
    service.kill()
    service.start()
    assert 'agent="A"' not in service.scrape()
    service.push("hidden/agent/A/incarnation/2", body.format(2))
    assert (7, 1) == (service.value("a_total", agent="A"), service.value("b", agent="A"))
