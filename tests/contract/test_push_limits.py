"""The limit at the door: one bad agent is stopped, the others do not notice."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from tests.contract.conftest import Running


def series(first: int, count: int, kind: str = "gauge") -> str:
    lines = (f'flood{{n="{number}"}} 1\n' for number in range(first, first + count))
    return f"# TYPE flood {kind}\n" + "".join(lines)


def left_out(service: Running, path: str, *what: Any) -> str:
    """Push; return how many families were left out, as the answer says."""
    reply = service.push(path, series(*what))
    assert 200 == reply.status
    return reply.headers.get("dreamos-rejected", "0")


def test_a_million_distinct_series_of_one_agent_change_nothing_for_the_others(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_MAX_SERIES="500")
    good = "# TYPE work_total counter\nwork_total {}\n"
    for number in range(10):
        flood = series(number * 100_000, 100_000)
        reply = service.push("j/agent/bad/incarnation/1", good.format(number) + flood)
        assert (200, "1") == (reply.status, reply.headers["dreamos-rejected"])
        assert reply.text.startswith("flood: too_many_series: more than 500 series")
        assert number == service.value("work_total", agent="bad")
        plain = service.push("script", flood)
        assert (429, "too_many_series: more than 500 series") == (plain.status, plain.text.strip())
        service.push("j/agent/good/incarnation/1", good.format(number))
        assert number == service.value("work_total", agent="good")
    assert 10 == service.value("dreamos_ingest_rejected_total", reason="too_many_series")
    families = "dreamos_ingest_rejected_families_total"
    assert 10 == service.value(families, reason="too_many_series")
    assert "flood" not in service.scrape()


def test_series_that_come_little_by_little_are_counted_together(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_MAX_SERIES="500")
    path = "j/agent/bad/incarnation/1"
    assert "00000111" == "".join(left_out(service, path, n * 100, 100, "counter") for n in range(8))
    assert 500 == service.value("dreamos_series", agent="bad")
    assert 500 == service.scrape().count("\nflood{")
    other = "# TYPE calm gauge\ncalm 1\n"
    assert 200 == service.push("j/agent/good/incarnation/1", other).status
    assert 202 == service.push("j/agent/bad", method="DELETE").status
    assert 200 == service.push(path, series(0, 100, "counter")).status


def test_gauges_may_change_their_labels_for_ever(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_MAX_SERIES="500")
    path = "j/agent/A/incarnation/1"
    assert [200] * 8 == [service.push(path, series(n * 400, 400)).status for n in range(8)]
    assert 400 == service.value("dreamos_series", agent="A")


def test_processes_of_one_agent_share_its_limit(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_MAX_SERIES="500")
    paths = [f"j/agent/A/incarnation/{n}" for n in range(4)]
    left = [left_out(service, path, n * 200, 200) for n, path in enumerate(paths)]
    assert ["0", "0", "1", "1"] == left
    assert 4 == service.value("dreamos_agent_incarnations", agent="A")


def test_the_number_of_groups_is_limited(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_MAX_GROUPS="5")
    statuses = [service.push(f"g{n}", "a 1\n").status for n in range(7)]
    assert [200] * 5 + [429] * 2 == statuses
    assert 200 == service.push("g0", "a 2\n").status


def test_an_agent_whose_series_are_always_new_is_slowed_down_and_others_are_not(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_NEW_SERIES_CPU_SHARE="0.001")
    service.push("j/agent/good/incarnation/1", "# TYPE work_total counter\nwork_total 1\n")
    path = "j/agent/bad/incarnation/1"
    statuses: list[int] = []
    while 429 not in statuses:
        assert len(statuses) < 500, "it was never slowed down"
        statuses.append(service.push(path, series(len(statuses) * 5_000, 5_000)).status)
    assert {200} == set(statuses[:-1])
    reply = service.push(path, series(0, 5_000))
    assert reply.text.startswith("churn: the series change with every push")
    assert "60" == reply.headers["retry-after"]
    last = series((len(statuses) - 2) * 5_000, 5_000)
    assert 200 == service.push(path, last).status  # its lines are known
    assert 200 == service.push("j/agent/good/incarnation/1", series(0, 10)).status
    assert 2 == service.value("dreamos_ingest_rejected_total", reason="churn")


def test_labels_and_bodies_have_limits_that_can_be_set(launch: Callable[..., Running]) -> None:
    service = launch(
        METRICS_MAX_LABELS="4",
        METRICS_MAX_LABEL_NAME="6",
        METRICS_MAX_LABEL_VALUE="10",
        METRICS_MAX_BODY_BYTES="400",
    )

    def push(body: str, **headers: str) -> tuple[int, str]:
        reply = service.push("j/agent/A", body, **headers)
        return reply.status, reply.text.partition(":")[0]

    assert (200, "") == push('g{a="1",b="2"} 1\n')
    assert (400, "label") == push('g{a="1",b="2",c="3",d="4",e="5"} 1\n')
    assert (200, "") == push(f'g{{sixsix="{"v" * 10}"}} 1\n')
    assert (400, "label") == push('g{seven77="1"} 1\n')
    assert (400, "label") == push(f'g{{a="{"v" * 11}"}} 1\n')
    assert (200, "") == push("# " + "x" * 393 + "\ng 1\n")
    assert (413, "too_large") == push("# " + "x" * 394 + "\ng 1\n")
    assert 413 == service.push("j/agent/A", gzip.compress(b"g 1\n" + b"#" * 9_000 + b"\n"),
                               Content_Encoding="gzip").status  # fmt: skip
    assert 1 == service.value("g", agent="A")
    assert 3 == service.value("dreamos_ingest_rejected_total", reason="label")
    assert 2 == service.value("dreamos_ingest_rejected_total", reason="too_large")
