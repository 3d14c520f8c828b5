"""Over HTTP: a family that cannot be taken is named, and everything else arrives."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.contract.conftest import Running, ask

BEATS = "# TYPE dreamos_agent_heartbeats_total counter\ndreamos_agent_heartbeats_total {}\n"
WORK = "# TYPE work_total counter\nwork_total {}\n"


def test_one_label_that_is_too_long_does_not_make_an_agent_invisible(shared: Running) -> None:
    path = "long/agent/A/incarnation/1"
    long = f'# TYPE note gauge\nnote{{text="{"x" * 2_049}"}} 1\n'
    for sequence, final in ((1, "0"), (2, "0"), (3, "1")):
        reply = shared.push(
            path,
            BEATS.format(sequence) + long + WORK.format(sequence),
            Dreamos_Sequence=str(sequence),
            Dreamos_Final=final,
        )
        assert (200, "accepted", "1") == (
            reply.status,
            reply.headers["dreamos-result"],
            reply.headers["dreamos-rejected"],
        )
        assert reply.text.startswith("note: label: ")
        assert 1 == reply.text.count("\n")
        assert sequence == shared.value("work_total", job="long")
        assert (shared.value("dreamos_agent_last_heartbeat_timestamp_seconds", job="long") or 0) > 0
    assert 1 == shared.value("dreamos_agent_state", job="long", state="ended")
    assert 3 <= (shared.value("dreamos_ingest_rejected_families_total", reason="label") or 0)


def test_it_goes_on_being_said_and_ends_when_the_cause_is_gone(shared: Running) -> None:
    path = "cause/agent/A/incarnation/1"
    shared.push("cause-script", "# TYPE odd gauge\nodd 1\n")
    body = "# TYPE odd counter\nodd {}\n" + WORK
    first = shared.push(path, body.format(1, 1), Dreamos_Sequence="1")
    name = first.headers["dreamos-series-list"]
    kind = {"Content_Type": "application/vnd.dreamos.values", "Dreamos_Series_List": name}
    compact = shared.push(path, struct.pack("<2d", 2, 2), Dreamos_Sequence="2", **kind)
    again = shared.push(path, body.format(3, 3), Dreamos_Sequence="3")
    for reply in (first, compact, again):
        assert (200, "1") == (reply.status, reply.headers["dreamos-rejected"])
        assert 'which job="cause-script" declared' in reply.text
    page = ask(shared.url + "/").text
    assert "Families that are left out now" in page
    assert "agent=A, job=cause" in page
    shared.push("cause-script", method="DELETE")
    reply = shared.push(path, struct.pack("<2d", 4, 4), Dreamos_Sequence="4", **kind)
    assert (200, "") == (reply.status, reply.headers.get("dreamos-rejected", ""))
    assert (4, 4) == (shared.value("odd", job="cause"), shared.value("work_total", job="cause"))


def test_what_was_left_out_survives_a_kill_as_little_as_what_was_taken_is_lost(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    path = "j/agent/A/incarnation/1"
    service.push("script", "# TYPE odd gauge\nodd 1\n")
    service.push(path, "# TYPE odd counter\nodd 5\n" + WORK.format(7), Dreamos_Final="1")
    service.kill()
    service.start()
    assert (7, None) == (service.value("work_total"), service.value("odd", agent="A"))


def test_a_body_that_is_wrong_as_a_whole_is_refused_as_before(shared: Running) -> None:
    path = "whole/agent/A/incarnation/1"
    assert 400 == shared.push(path, WORK.format(1) + "work_total").status
    assert 400 == shared.push(path, b"\x1f\x8bbroken", Content_Encoding="gzip").status
    assert None is shared.value("work_total", job="whole")


def test_an_untyped_series_of_a_script_blocks_nobody(shared: Running) -> None:
    assert 200 == shared.push("untyped-script", "reviews_total 4\n").status
    agent = "# TYPE reviews_total counter\nreviews_total 7\n"
    assert "dreamos-rejected" not in shared.push("untyped/agent/A/incarnation/1", agent).headers
    assert 7 == shared.value("reviews_total", job="untyped")
    assert 4 == shared.value("reviews_total", job="untyped-script")


def test_a_series_that_vanished_and_came_back_is_counted_once(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    path = "j/agent/A/incarnation/1"
    shown = []
    for body in (WORK.format(100), "", WORK.format(104), WORK.format(105), WORK.format(0)):
        service.push(path, body)
        shown.append(service.value("work_total"))
        service.kill()
        service.start()
    service.push(path, WORK.format(3))
    assert [100, 100, 104, 105, 105, 108] == [*shown, service.value("work_total")]
