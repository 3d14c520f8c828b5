"""The settings of the store: what they are called, and what they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.metrics.settings import BadSetting, Settings
from services.metrics.store.capacity import Capacity
from tests.unit.service.store.service_store import Bench, counter, gauge


def test_they_are_read_from_the_environment() -> None:
    found = Settings.from_env(
        {
            "METRICS_MAX_TOTAL_SERIES": "1000",
            "METRICS_MAX_GROUPS": "7",
            "METRICS_MAX_SERIES": "50",
            "METRICS_FORGET_AFTER": "60",
            "METRICS_DROP_AFTER": "30",
            "METRICS_DEFAULT_TTL": "9",
        }
    )
    assert (1000, 7, 50, 9.0) == (
        found.max_total_series,
        found.max_groups,
        found.max_series,
        found.default_ttl,
    )
    assert (60.0, 30.0) == (found.tombstone_retention, found.series_retention)
    assert 1000 == Capacity(found).limit.series


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan"])
def test_a_bound_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadSetting, match="METRICS_MAX_TOTAL_SERIES"):
        Settings.from_env({"METRICS_MAX_TOTAL_SERIES": value})


def test_the_time_to_live_is_the_senders_or_the_settings(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", default_ttl=10.0)
    bench.process("own", gauge("a", 1), ttl=30.0)
    bench.process("default", gauge("b", 1))
    bench.push("script", gauge("c", 1))
    bench.now += 11
    bench.store.sweep()
    assert (1, None, 1) == tuple(bench.value(name) for name in "abc")
    bench.stop()


def test_an_agent_without_processes_is_lost_after_its_silence(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", agent_timeout=10.0, series_retention=50.0)
    bench.push("j/agent/A", counter("t_total", 1))
    for seconds, state in ((9, "running"), (2, "lost")):
        bench.now += seconds
        bench.store.sweep()
        assert 1 == bench.value("dreamos_agent_state", state=state)
    bench.process("1", counter("u_total", 1), final=True)
    bench.push("j/agent/A", "")
    bench.now += 51
    bench.store.sweep()
    assert 1 == bench.value("u_total")  # the plain body is still there, though it is empty
    bench.stop()
