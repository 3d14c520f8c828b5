from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from services.metrics.observer.scheduler import Scheduler
from tests.unit.observer.reading import value


class Shelf:
    """Keeps what each collector handed over last, and tells when something arrives."""

    def __init__(self) -> None:
        self.families: dict[str, list[Metric]] = {}
        self.arrived = threading.Semaphore(0)

    def __call__(self, name: str, families: Iterable[Metric]) -> None:
        self.families[name] = list(families)
        self.arrived.release()


class Counting:
    name = "counting"
    interval = 0.001

    def __init__(self) -> None:
        self.runs = 0

    def collect(self) -> list[Metric]:
        self.runs += 1
        return [GaugeMetricFamily("runs", "Runs.", self.runs)]


class Failing:
    name = "failing"
    interval = 0.001

    def collect(self) -> list[Metric]:
        raise RuntimeError("the disk is on fire")


class Hanging:
    name = "hanging"
    interval = 0.001

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def collect(self) -> list[Metric]:
        self.entered.set()
        self.leave.wait(60)
        return []


def test_a_collector_runs_again_and_again_until_it_is_stopped() -> None:
    shelf, collector = Shelf(), Counting()
    scheduler = Scheduler([collector], shelf)
    scheduler.start()
    for _ in range(6):
        assert shelf.arrived.acquire(timeout=60)
    scheduler.stop()
    after = collector.runs
    assert 3 <= after
    assert after == value(shelf.families["counting"], "runs")


def test_a_collector_that_raises_is_counted_and_asked_again() -> None:
    shelf = Shelf()
    scheduler = Scheduler([Failing()], shelf)
    scheduler.start()
    for _ in range(2):
        assert shelf.arrived.acquire(timeout=60)
    scheduler.stop()
    record = scheduler.records()["failing"]
    assert 0 == record.successes
    assert record.failures >= 2
    assert "RuntimeError: the disk is on fire" == record.last_error


def test_the_same_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    collector = Failing()
    scheduler = Scheduler([collector], Shelf())
    for _ in range(3):
        assert scheduler.run_once(collector) is False
    assert 1 == len(caplog.records)


def test_a_hanging_collector_does_not_hold_up_another_nor_the_stop() -> None:
    shelf, hanging, counting = Shelf(), Hanging(), Counting()
    scheduler = Scheduler([hanging, counting], shelf)
    scheduler.start()
    assert hanging.entered.wait(60)
    for _ in range(6):
        assert shelf.arrived.acquire(timeout=60)
    scheduler.stop(timeout=0.01)
    hanging.leave.set()
    assert counting.runs >= 3


def test_a_sink_that_raises_is_that_collectors_failure() -> None:
    def refuse(_name: str, _families: Iterable[Metric]) -> None:
        raise ValueError("no room")

    collector = Counting()
    scheduler = Scheduler([collector], refuse)
    assert scheduler.run_once(collector) is False
    assert 1 == scheduler.records()["counting"].failures


def test_runs_durations_and_successes_are_exported_by_collector() -> None:
    collector = Counting()
    scheduler = Scheduler([collector], Shelf())
    scheduler.run_once(collector)
    families = scheduler.families()
    name = "dreamos_collector_runs_total"
    assert 1 == value(families, name, collector="counting", outcome="success")
    assert 0 == value(families, name, collector="counting", outcome="failure")
    stamp = value(
        families, "dreamos_collector_last_success_timestamp_seconds", collector="counting"
    )
    assert stamp
