"""The metric types: what their calls mean, and that recording never raises."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prometheus_client
import pytest

from dreamos.core.metrics import Counter, Gauge, Histogram, Info, Summary
from dreamos_metrics.metrics.errors import error_counts
from dreamos_metrics.metrics.migration import migrate_to
from dreamos_metrics.metrics.storage import MemoryStorage
from dreamos_metrics.spool.values_file import FileStorage

_number = itertools.count()


def fresh(name: str = "case") -> str:
    """Return a metric name that no other test uses."""
    return f"{name}_{next(_number)}"


def test_tags_and_labels_name_the_same_series() -> None:
    counter = Counter(fresh(), "d", ["path", "operation"])
    counter.inc(tags={"operation": "w", "path": "p"})
    counter.labels("p", "w").inc(2)
    counter.labels(operation="w", path="p").inc(3)
    assert 6 == counter.labels("p", "w").value


def test_one_label_can_be_given_by_name_and_by_position() -> None:
    counter = Counter(fresh(), "d", ["path"])
    counter.labels(path="x").inc()
    counter.labels("x").inc()
    counter.inc(tags={"path": "x"})
    assert 3 == counter.labels("x").value


def test_values_that_are_equal_but_read_differently_are_different_series() -> None:
    counter = Counter(fresh(), "d", ["v"])
    counter.labels(1).inc()
    counter.labels(True).inc()
    counter.labels(1.0).inc()
    assert [1, 1, 1] == [counter.labels(text).value for text in ("1", "True", "1.0")]


def test_declaring_twice_returns_the_first() -> None:
    name = fresh()
    assert Counter(name, "d", ["a"]) is Counter(name + "_total", "other words", ["a"])


def test_declaring_as_something_else_names_both_places() -> None:
    name = fresh()
    Counter(name, "d", ["a"])
    with pytest.raises(ValueError, match=r"test_core_metrics\.py:\d+.*test_core_metrics\.py:\d+"):
        Gauge(name, "d", ["a"])
    with pytest.raises(ValueError, match="already declared"):
        Counter(name, "d", ["b"])


def test_a_name_taken_in_prometheus_clients_registry_is_refused_at_declaration() -> None:
    name = fresh()
    prometheus_client.Counter(name, "theirs")
    with pytest.raises(ValueError, match="taken in prometheus_client's registry"):
        Counter(name, "ours")
    Gauge(fresh(), "the failed declaration left nothing behind")


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "ü"])
def test_a_bad_name_is_refused_at_declaration(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Counter(name, "d")


@pytest.mark.parametrize("label", ["", "1st", "a-b", "__x", "job", "agent", "incarnation"])
def test_a_bad_label_name_is_refused_at_declaration(label: str) -> None:
    with pytest.raises(ValueError, match="label name"):
        Counter(fresh(), "d", [label])


def test_the_description_may_be_left_out() -> None:
    counter = Counter(fresh(), ["a"])
    counter.labels("x").inc()
    assert 1 == counter.labels("x").value


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c: c.inc(-1),
        lambda c: c.inc(float("nan")),
        lambda c: c.inc(float("inf")),
        lambda c: c.inc("many"),
        lambda c: c.inc(None),
    ],
)
def test_a_wrong_amount_is_counted_and_changes_nothing(wrong: Callable[[Any], object]) -> None:
    counter = Counter(fresh(), "d")
    before = error_counts().get("wrong_value", 0)
    wrong(counter)
    assert 0 == counter.value
    assert before + 1 == error_counts()["wrong_value"]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c: c.inc(),
        lambda c: c.labels("only one").inc(),
        lambda c: c.labels("x", b="y").inc(),
        lambda c: c.labels(a="x", c="y").inc(),
        lambda c: c.labels(a="x", b="y", c="z").inc(),
        lambda c: c.inc(tags={}),
        lambda c: c.inc(tags={"a": "x"}),
        lambda c: c.inc(tags="words"),
        lambda c: c.inc(tags=7),
        lambda c: c.labels(Unprintable(), "y").inc(),
    ],
)
def test_wrong_labels_are_counted_and_change_nothing(wrong: Callable[[Any], object]) -> None:
    counter = Counter(fresh(), "d", ["a", "b"])
    before = error_counts().get("wrong_labels", 0)
    wrong(counter)
    assert [] == counter._family.series()
    assert before + 1 == error_counts()["wrong_labels"]


def test_a_gauge_rises_falls_and_is_set() -> None:
    gauge = Gauge(fresh(), "d", ["a"])
    gauge.set(5, tags={"a": "x"})
    gauge.inc(2, tags={"a": "x"})
    gauge.dec(tags={"a": "x"})
    gauge.labels("x").set("not a number")  # type: ignore[arg-type]
    assert 6 == gauge.labels("x").value


def test_a_gauges_function_is_asked_and_may_fail() -> None:
    name = fresh()
    Gauge(name, "d").set_function(lambda: 7)
    assert 7 == prometheus_client.REGISTRY.get_sample_value(name)
    broken = fresh()
    gauge = Gauge(broken, "d")
    gauge.set_function(lambda: 1 / 0)
    assert prometheus_client.REGISTRY.get_sample_value(broken) is None
    gauge.set_function(lambda: 0)  # the metric stays in the process, for every later test


def test_a_histogram_sorts_observations_into_buckets_with_their_bound_included() -> None:
    name = fresh()
    histogram = Histogram(name, "d", buckets=[1, 2])
    for value in (0.5, 1, 1.5, 2, 99):
        histogram.observe(value)
    get = prometheus_client.REGISTRY.get_sample_value
    assert [2, 4, 5] == [get(f"{name}_bucket", {"le": le}) for le in ("1.0", "2.0", "+Inf")]
    assert (5, 104) == (histogram.count, histogram.sum)


@pytest.mark.parametrize("buckets", [[], [2, 1], [1, 1], [float("inf")]])
def test_wrong_buckets_are_refused_at_declaration(buckets: list[float]) -> None:
    with pytest.raises(ValueError, match="buckets"):
        Histogram(fresh(), "d", buckets=buckets)


def test_a_summary_keeps_count_and_sum() -> None:
    summary = Summary(fresh(), "d", ["a"])
    summary.observe(2, tags={"a": "x"})
    with summary.time(tags={"a": "x"}):
        pass
    assert 2 == summary.labels("x").count
    assert 2 < summary.labels("x").sum < 3


def test_info_shows_facts_as_labels() -> None:
    name = fresh()
    Info(name, "d").info({"version": "1.2", "model": "m"})
    labels = {"version": "1.2", "model": "m"}
    assert 1 == prometheus_client.REGISTRY.get_sample_value(f"{name}_info", labels)


def test_timers_work_around_blocks_functions_and_coroutines() -> None:
    histogram = Histogram(fresh(), "d")

    @histogram.time()
    def plain() -> int:
        return 1

    @histogram.time()
    async def later() -> int:
        await asyncio.sleep(0)
        return 2

    with histogram.time() as timer:
        pass
    assert (1, 2) == (plain(), asyncio.run(later()))
    assert 3 == histogram.count
    assert timer.elapsed > 0


def test_a_timer_may_learn_its_labels_inside_the_block() -> None:
    histogram = Histogram(fresh(), "d", ["outcome"])
    with histogram.time() as timer:
        timer.labels("ok")
    assert 1 == histogram.labels("ok").count


def test_exceptions_are_counted_and_go_on() -> None:
    counter = Counter(fresh(), "d")

    @counter.count_exceptions(KeyError)
    async def fails(error: Exception) -> None:
        raise error

    for error in (KeyError("k"), ValueError("v")):
        with pytest.raises(type(error)):
            asyncio.run(fails(error))
    assert 1 == counter.value


def test_work_in_progress_is_counted_while_it_lasts() -> None:
    gauge = Gauge(fresh(), "d")
    with gauge.track_inprogress(), gauge.track_inprogress():
        assert 2 == gauge.value
    assert 0 == gauge.value


def test_nothing_is_lost_between_four_threads() -> None:
    counter, histogram = Counter(fresh(), "d", ["a"]), Histogram(fresh(), "d")
    child = counter.labels("x")

    def work() -> None:
        for _ in range(50_000):
            child.inc()
            counter.inc(tags={"a": "x"})
            histogram.observe(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 400_000 == child.value
    assert (200_000, 100_000) == (histogram.count, histogram.sum)


def test_prometheus_clients_exporter_shows_our_metrics() -> None:
    name = fresh()
    Counter(name, "Words.", ["a"]).labels('quote " newline \n').inc()
    shown = prometheus_client.generate_latest().decode()
    assert f'{name}_total{{a="quote \\" newline \\n"}} 1.0' in shown


def test_a_removed_series_is_no_longer_shown() -> None:
    counter = Counter(fresh(), "d", ["a"])
    counter.labels("x").inc()
    counter.labels("y").inc()
    counter.remove("x")
    assert ["y"] == [series._values[0] for series in counter._family.series()]
    counter.clear()
    assert [] == counter._family.series()


def test_nothing_is_lost_while_values_move_between_memory_and_file(tmp_path: Path) -> None:
    counter, histogram = Counter(fresh(), "d", ["a"]), Histogram(fresh(), "d")
    child = counter.labels("x")
    over = threading.Event()
    counted: list[int] = []

    def work() -> None:
        number = 0
        while not over.is_set():
            child.inc()
            counter.inc(tags={"a": "x"})
            histogram.observe(1)
            number += 1
        counted.append(number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100):
        file = FileStorage(tmp_path, {"incarnation": str(number)})
        migrate_to(file)
        migrate_to(MemoryStorage())
        file.remove()
    over.set()
    for thread in threads:
        thread.join()
    assert 2 * sum(counted) == child.value
    assert (sum(counted), sum(counted)) == (histogram.count, histogram.sum)
