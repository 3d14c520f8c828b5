"""A series that is missing from a push and comes back is counted once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.metrics.protocol.grouping_key import parse_path
from tests.unit.service.store.service_store import Bench, counter, gauge, histogram

OTHER = gauge("alive", 1)


@pytest.fixture(params=["stays", "restarts", "is killed"])
def interrupt(request: pytest.FixtureRequest, bench: Bench) -> Callable[[], None]:
    """What happens to the service between two pushes."""

    def happen() -> None:
        bench.scrape()
        if request.param == "restarts":
            bench.restart()
        elif request.param == "is killed":
            bench.kill()

    return happen


def test_a_counter_that_comes_back_is_what_it_says(
    bench: Bench, interrupt: Callable[[], None]
) -> None:
    shown = []
    for body in (counter("t_total", 100), OTHER, counter("t_total", 104), counter("t_total", 105)):
        bench.process("1", body)
        shown.append(bench.value("t_total"))
        interrupt()
    assert [100, 100, 104, 105] == shown


def test_one_that_comes_back_lower_has_begun_anew(
    bench: Bench, interrupt: Callable[[], None]
) -> None:
    for body in (counter("t_total", 100), OTHER, counter("t_total", 104), counter("t_total", 105)):
        bench.process("1", body)
    for value, total in ((0, 105), (3, 108), (4, 109)):
        bench.process("1", counter("t_total", value))
        interrupt()
        assert total == bench.value("t_total")


def test_it_may_vanish_and_begin_anew_at_once(bench: Bench) -> None:
    for body in (
        counter("t_total", 105),
        OTHER,
        counter("t_total", 3),
        OTHER,
        counter("t_total", 4),
    ):
        bench.process("1", body)
    assert 109 == bench.value("t_total")


def test_the_same_beginning_is_the_same_life_whatever_the_value(bench: Bench) -> None:
    def body(value: int, began: int) -> str:
        created = f"# TYPE t_created gauge\nt_created {began}\n"
        return counter("t_total", value) + created

    bench.process("1", body(100, 1_700_000_000))
    bench.process("1", OTHER)
    bench.process("1", body(90, 1_700_000_000))
    assert 90 == bench.value("t_total")
    bench.process("1", OTHER)
    bench.process("1", body(10, 1_700_000_500))
    assert 100 == bench.value("t_total")


def test_each_label_set_has_lives_of_its_own(bench: Bench) -> None:
    def body(**values: int) -> str:
        rows = "".join(f't_total{{k="{key}"}} {value}\n' for key, value in values.items())
        return "# TYPE t_total counter\n" + rows

    bench.process("1", body(a=10, b=20, c=30))
    bench.process("1", body(b=21))
    bench.process("1", body(a=11, b=1, c=2))
    assert (11, 22, 32) == tuple(bench.value("t_total", k=key) for key in "abc")


def test_histograms_and_summaries_come_back_whole(bench: Bench) -> None:
    summary = '# TYPE s summary\ns{quantile="0.5"} 2\ns_sum 8\ns_count 4\n'
    bench.process("1", histogram("h", {"1": 3, "+Inf": 5}) + summary)
    bench.process("1", OTHER)
    assert ([("1", 3), ("+Inf", 5)], 4) == (bench.buckets("h"), bench.value("s_count"))
    bench.process("1", histogram("h", {"1": 4, "+Inf": 6}) + summary)
    assert [("1", 4), ("+Inf", 6)] == bench.buckets("h")
    assert (6, 4, 8) == tuple(bench.value(name) for name in ("h_count", "s_count", "s_sum"))
    bench.process("1", histogram("h", {"1": 0, "+Inf": 1}) + summary)
    assert [("1", 4), ("+Inf", 7)] == bench.buckets("h")


def test_post_does_not_make_what_it_does_not_name_vanish(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5) + counter("u_total", 7))
    bench.process("1", counter("u_total", 8), replace=False)
    bench.process("1", counter("t_total", 6), replace=False)
    assert (6, 8) == (bench.value("t_total"), bench.value("u_total"))


def test_what_is_absent_when_a_process_ends_stays(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5) + counter("u_total", 7))
    bench.process("1", counter("u_total", 8))
    bench.process("1", counter("u_total", 9), final=True)
    bench.process("2", counter("t_total", 1))
    assert (6, 9) == (bench.value("t_total"), bench.value("u_total"))


def test_a_lost_process_that_speaks_again_brings_back_what_was_absent(
    bench: Bench, interrupt: Callable[[], None]
) -> None:
    bench.process("1", counter("t_total", 5) + counter("u_total", 7), sequence=1)
    bench.process("1", counter("u_total", 8), sequence=2, ttl=5.0)
    bench.now += 10
    bench.store.sweep()
    assert 1 == bench.value("dreamos_agent_state", state="lost")
    interrupt()
    bench.process("1", counter("t_total", 6) + counter("u_total", 9), sequence=3)
    assert (6, 9) == (bench.value("t_total"), bench.value("u_total"))


STEPS = st.lists(
    st.tuples(st.sampled_from(["grow", "vanish", "anew"]), st.integers(0, 9)), max_size=25
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_every_count_is_counted_once(bench: Bench, steps: list[tuple[str, int]]) -> None:
    bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    lives_before = shown = 0
    bench.process("1", counter("t_total", 0))
    for what, more in steps:
        if what == "vanish":
            bench.process("1", OTHER)
        else:
            if what == "anew" and shown:
                lives_before, shown = lives_before + shown, min(more, shown - 1)
            else:
                shown += more
            bench.process("1", counter("t_total", shown))
        assert lives_before + shown == bench.value("t_total", agent="A")
