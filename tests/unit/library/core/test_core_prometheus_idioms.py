"""What users of prometheus_client write works here too."""

from __future__ import annotations

import gc
import re
import warnings
from typing import Any

import numpy as np
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_page
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from dreamos_metrics import Counter, Enum, Gauge, Histogram, Info, Summary, testing
from dreamos_metrics.push.snapshot import SnapshotCollector
from tests.unit.library.core.test_core_metrics import fresh

GLOBAL = prometheus_client.REGISTRY


def pushed() -> str:
    return SnapshotCollector().collect().text().decode()


def line(sample: str) -> float | None:
    """Return what would be pushed on the line of a sample."""
    for text in pushed().splitlines():
        if text.startswith(sample + " "):
            return float(text.split(" ")[1])
    return None


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


class TestARegistryOfOnesOwn:
    @pytest.mark.parametrize("turn", [1, 2, 3])
    def test_each_test_begins_at_zero(self, turn: int, registry: CollectorRegistry) -> None:
        counter = Counter("idiom_own_total", "d", ["kind"], registry=registry)
        counter.labels("a").inc(turn)
        assert turn == registry.get_sample_value("idiom_own_total", {"kind": "a"})

    def test_two_registries_do_not_see_each_other(self, registry: CollectorRegistry) -> None:
        other = CollectorRegistry()
        name = fresh()
        first, second = Counter(name, "d", registry=registry), Counter(name, "d", registry=other)
        first.inc()
        second.inc(5)
        assert (1, 5) == (
            registry.get_sample_value(f"{name}_total"),
            other.get_sample_value(f"{name}_total"),
        )
        assert first is Counter(name, "d", registry=registry)
        assert second is Counter(name, "d", registry=other)
        assert GLOBAL.get_sample_value(f"{name}_total") is None
        assert 1 == line(f"{name}_total")  # the first of the name is the one that is pushed

    def test_other_labels_in_another_registry_are_another_metric(
        self, registry: CollectorRegistry
    ) -> None:
        name = fresh()
        Counter(name, "d")
        Counter(name, "d", ["kind"], registry=registry).labels("a").inc()
        assert 1 == registry.get_sample_value(f"{name}_total", {"kind": "a"})
        with pytest.raises(ValueError, match="already declared"):
            Counter(name, "d", ["other"], registry=registry)

    def test_the_global_one_is_pushed_before_any_other(self, registry: CollectorRegistry) -> None:
        name = fresh()
        own = Gauge(name, "d", registry=registry)
        own.set(3)
        assert 3 == line(name)
        Gauge(name, "d").set(4)
        assert (4, 3) == (line(name), registry.get_sample_value(name))
        assert own is Gauge(name, "d", registry=registry)

    def test_a_registry_that_nobody_kept_goes_on_being_pushed(self) -> None:
        name = fresh()
        counter = Counter(name, "d", registry=CollectorRegistry())
        gc.collect()
        counter.inc()
        assert 1 == line(f"{name}_total")

    def test_a_metric_is_a_collector_and_can_stand_in_several(
        self, registry: CollectorRegistry
    ) -> None:
        counter = Counter(fresh(), "d")
        registry.register(counter)
        counter.inc(2)
        assert counter._family.name + "_total 2.0" in generate_latest(registry).decode()
        (metric,) = counter.collect()
        assert [2.0] == [s.value for s in metric.samples if s.name.endswith("_total")]
        (empty,) = counter.describe()
        assert ([], "counter") == (empty.samples, empty.type)


class TestUnregister:
    def test_the_name_is_free_then_for_something_else(self) -> None:
        name = fresh()
        counter = Counter(name, "d")
        counter.inc()
        GLOBAL.unregister(counter)
        assert line(f"{name}_total") is None
        gauge = Gauge(name, "d", ["a"])
        gauge.set(2, tags={"a": "x"})
        assert 2 == line(f'{name}{{a="x"}}') == GLOBAL.get_sample_value(name, {"a": "x"})
        counter.inc()  # whoever still has it disturbs nobody
        with pytest.raises(KeyError):
            GLOBAL.unregister(counter)

    @pytest.mark.parametrize("labels", [[], ["a"]])
    def test_the_same_metric_begins_at_zero_and_the_total_goes_on(self, labels: list[str]) -> None:
        name = fresh()
        tags = dict.fromkeys(labels, "x")
        counter = Counter(name, "d", labels)
        counter.inc(5, tags=tags)
        GLOBAL.unregister(counter)
        again = Counter(name, "d", labels)
        again.inc(tags=tags)
        assert 1 == GLOBAL.get_sample_value(f"{name}_total", tags)
        sample = f'{name}_total{{a="x"}}' if labels else f"{name}_total"
        assert 6 == line(sample)

    def test_a_gauge_begins_at_zero(self) -> None:
        name = fresh()
        gauge = Gauge(name, "d")
        gauge.set_function(lambda: 1 / 0)
        GLOBAL.unregister(gauge)
        assert 0 == Gauge(name, "d").value == GLOBAL.get_sample_value(name)


class TestResetAndRemove:
    def test_a_reset_counter_shows_zero_and_the_agents_total_goes_on(self) -> None:
        name = fresh()
        counter = Counter(name, "d")
        counter.inc(5)
        began = GLOBAL.get_sample_value(f"{name}_created")
        counter.reset()
        assert 0 == counter.value
        counter.inc()
        assert (1, 1) == (counter.value, GLOBAL.get_sample_value(f"{name}_total"))
        assert began is not None
        assert began <= (GLOBAL.get_sample_value(f"{name}_created") or 0)
        assert 6 == line(f"{name}_total")

    @pytest.mark.parametrize("how", ["remove", "remove_by_labels", "clear"])
    def test_what_was_counted_is_shown_no_more_and_stays_in_the_total(self, how: str) -> None:
        name = fresh()
        counter = Counter(name, "d", ["a", "b"])
        counter.labels("x", "y").inc(5)
        if how == "remove":
            counter.remove("x", "y")
        elif how == "remove_by_labels":
            counter.remove_by_labels({"b": "y"})
        else:
            counter.clear()
        labels = {"a": "x", "b": "y"}
        assert GLOBAL.get_sample_value(f"{name}_total", labels) is None
        assert 5 == line(f'{name}_total{{a="x",b="y"}}')
        counter.labels(**labels).inc()
        assert 1 == GLOBAL.get_sample_value(f"{name}_total", labels)
        assert 6 == line(f'{name}_total{{a="x",b="y"}}')

    @pytest.mark.parametrize("kind", [Summary, Histogram])
    def test_summaries_and_histograms_too(self, kind: type[Summary] | type[Histogram]) -> None:
        name = fresh()
        metric = kind(name, "d", ["a"])
        metric.observe(3, tags={"a": "x"})
        metric.clear()
        metric.observe(2, tags={"a": "x"})
        child = metric.labels("x")
        assert (1, 2) == (child.count, child.sum)
        assert 5 == line(f'{name}_sum{{a="x"}}')

    def test_a_gauge_is_gone(self) -> None:
        name = fresh()
        gauge = Gauge(name, "d", ["a", "b"])
        for a, b in (("1", "x"), ("2", "x"), ("2", "y")):
            gauge.labels(a, b).set(3)
        gauge.remove_by_labels({"b": "x"})
        assert (None, 3) == (line(f'{name}{{a="1",b="x"}}'), line(f'{name}{{a="2",b="y"}}'))
        assert 0 == gauge.labels("1", "x").value

    def test_wrong_labels_are_counted_and_remove_nothing(self) -> None:
        gauge = Gauge(fresh(), "d", ["a"])
        gauge.labels("1").set(3)
        before = testing.errors().get("wrong_labels", 0)
        gauge.remove_by_labels({"nope": "1"})
        gauge.remove_by_labels("text")  # type: ignore[arg-type]
        gauge.remove_by_labels({})
        assert before + 2 == testing.errors()["wrong_labels"]
        assert 1 == len(gauge._family.series())

    def test_removing_makes_no_room_for_more_series_than_there_may_be(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dreamos_metrics.metrics.family.MAX_SERIES", 3)
        name = fresh()
        counter = Counter(name, "d", ["a"])
        for number in range(6):
            counter.labels(number).inc()
            counter.remove(number)
        assert 3 == line(f'{name}_total{{a="(other)"}}')
        assert 4 == len(counter._family.pushed())


class TestEnum:
    def test_one_state_is_one_and_the_others_zero(self, registry: CollectorRegistry) -> None:
        task = Enum("idiom_task", "d", states=["idle", "busy"], registry=registry)
        assert 1 == registry.get_sample_value("idiom_task", {"idiom_task": "idle"})
        task.state("busy")
        assert 0 == registry.get_sample_value("idiom_task", {"idiom_task": "idle"})
        assert 1 == registry.get_sample_value("idiom_task", {"idiom_task": "busy"})

    def test_it_is_pushed_as_a_stateset_with_its_labels(self) -> None:
        name = fresh()
        task = Enum(name, "d", ["who"], states=["idle", 'b"usy'])
        task.labels("a").state('b"usy')
        task.state("idle", tags={"who": "b"})
        text = re.sub("(?m)^# dreamos:.*\n", "", pushed())
        parsed = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        families = {family.name: family for family in parsed}
        assert "stateset" == families[name].type
        found = {(s.labels["who"], s.labels[name]): s.value for s in families[name].samples}
        expected = {("a", "idle"): 0, ("a", 'b"usy'): 1, ("b", "idle"): 1, ("b", 'b"usy'): 0}
        assert expected == found
        snapshot = SnapshotCollector().collect()
        lines = [text for text in snapshot.text().decode().splitlines() if text[0] != "#"]
        assert len(lines) == len(snapshot.values())  # the compact form has the same order

    def test_a_state_that_was_not_declared_is_counted_and_changes_nothing(self) -> None:
        name = fresh()
        task = Enum(name, "d", states=["idle", "busy"])
        before = testing.errors().get("wrong_value", 0)
        task.state("bored")
        task.state(None)  # type: ignore[arg-type]
        assert before + 2 == testing.errors()["wrong_value"]
        assert 1 == GLOBAL.get_sample_value(name, {name: "idle"})

    @pytest.mark.parametrize("states", [[], "idle", ["a", "a"], [1]])
    def test_bad_states_are_said_at_the_declaration(self, states: list[str]) -> None:
        with pytest.raises(ValueError, match="state"):
            Enum(fresh(), "d", states=states)
        with pytest.raises(ValueError, match="label"):
            Enum("idiom_same", "d", ["idiom_same"], states=["a"])


class TestNames:
    @pytest.mark.parametrize("kind", [Counter, Gauge, Summary, Histogram])
    def test_namespace_subsystem_and_unit_are_joined(
        self, kind: Any, registry: CollectorRegistry
    ) -> None:
        metric = kind("wait", "d", [], "ns", "sub", "seconds", registry)
        (described,) = metric.describe()
        assert ("ns_sub_wait_seconds", "seconds") == (described.name, described.unit)

    @pytest.mark.parametrize("kind", [Info, Enum])
    def test_words_have_no_unit(self, kind: Any) -> None:
        more = {"states": ["a"]} if kind is Enum else {}
        with pytest.raises(ValueError, match="unit"):
            kind(fresh(), "d", unit="seconds", **more)


@pytest.mark.parametrize("labels", [[], ["a"]])
def test_a_subclass_of_ones_own_stays_one(labels: list[str]) -> None:
    class Tasks(Counter):
        def done(self) -> None:
            self.inc(tags=dict.fromkeys(labels, "x"))

    tasks = Tasks(fresh(), "d", labels)
    tasks.done()
    assert isinstance(tasks, Tasks)
    assert 1 == sum(sample.value for sample in tasks._family.pushed()[:1])


def test_exemplars_stand_on_the_process_own_page(registry: CollectorRegistry) -> None:
    counter = Counter("idiom_exemplar", "d", registry=registry)
    counter.inc(2, exemplar={"trace_id": "abc"})
    took = Histogram("idiom_took", "d", registry=registry, buckets=[1, 2])
    took.observe(1.5, {"trace_id": "def"})
    page = openmetrics_page(registry).decode()  # type: ignore[no-untyped-call]
    assert 'idiom_exemplar_total 2.0 # {trace_id="abc"} 2.0' in page
    assert 'idiom_took_bucket{le="2.0"} 1.0 # {trace_id="def"} 1.5' in page


class TestGaugeFunctions:
    def test_one_that_raises_is_left_out_and_comes_back(self) -> None:
        name = fresh()
        gauge = Gauge(name, "d", ["a"])
        gauge.labels("fine").set(1)
        files: list[int] = []
        gauge.labels("broken").set_function(lambda: files[0])
        collector = SnapshotCollector()
        collector.collect()  # its error is a new series by itself
        first, second = collector.collect(), collector.collect()
        assert f'{name}{{a="broken"}}' not in first.text().decode()
        assert first.signature == second.signature
        files.append(7)
        third = collector.collect()
        assert third.signature != first.signature  # the compact form would name other lines
        assert f'{name}{{a="broken"}} 7.0' in third.text().decode()
        assert "NaN" not in third.text().decode()
        lines = [text for text in first.text().decode().splitlines() if text[0] != "#"]
        assert len(lines) == len(first.values())

    @pytest.mark.parametrize("answer", [None, "many", [1]])
    def test_what_is_no_number_is_left_out(self, answer: Any) -> None:
        name = fresh()
        gauge = Gauge(name, "d")
        gauge.set_function(lambda: answer)
        assert line(name) is None
        assert GLOBAL.get_sample_value(name) is None
        gauge.set_function(lambda: 0)  # the metric stays in the process, for every later test


class TestNumbersOfOtherLibraries:
    @pytest.mark.parametrize(
        "amount",
        [np.float32(1), np.float16(1), np.int64(1), np.uint8(1), np.float64(1), np.bool_(1)],
    )
    def test_they_count_exactly_and_without_a_warning(self, amount: Any) -> None:
        counter, gauge = Counter(fresh(), "d"), Gauge(fresh(), "d", ["a"])
        summary, histogram = Summary(fresh(), "d"), Histogram(fresh(), "d")
        counter.inc(2**24 + 1)
        gauge.set(2**24 + 1, tags={"a": "x"})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            counter.inc(amount)
            counter.inc(amount, tags={})
            gauge.inc(amount, tags={"a": "x"})
            gauge.labels("y").set(amount)
            gauge.labels("y").dec(amount)
            summary.observe(amount)
            histogram.observe(amount)
        assert (2**24 + 3, 2**24 + 2) == (counter.value, gauge.labels("x").value)
        assert (0, 1, 1) == (gauge.labels("y").value, summary.sum, histogram.sum)
        assert float is type(counter.value)

    @pytest.mark.parametrize("wrong", [np.float32("inf"), np.float32("nan"), np.float32(-1)])
    def test_wrong_ones_are_counted_without_a_warning(self, wrong: Any) -> None:
        counter, histogram = Counter(fresh(), "d"), Histogram(fresh(), "d")
        before = testing.errors().get("wrong_value", 0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            counter.inc(wrong)
        assert (0, before + 1) == (counter.value, testing.errors()["wrong_value"])
        if not np.isfinite(wrong):
            histogram.observe(wrong)
            assert 0 == histogram.count
