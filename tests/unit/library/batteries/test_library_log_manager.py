"""`LogMetrics` answers what Dream.OS' log manager asks of it, with the arguments that it gives."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dreamos_metrics import LogMetrics, testing

value = testing.value


@dataclass
class LogConfig:
    """What the log manager hands over in place of a folder."""

    log_dir: str | None = None
    level: int = logging.INFO


def recorded() -> LogMetrics:
    metrics = LogMetrics(LogConfig())
    metrics.record_metric("latency", 2.0, ["discord"], {"user": "u1"})
    metrics.record_metric("latency", 4.0)
    metrics.record_metric("depth", 7, None, None)
    return metrics


def test_what_is_recorded_can_be_had_by_its_kind() -> None:
    latency = recorded().get_metrics("latency")
    assert ["latency"] == list(latency)
    assert [2.0, 4.0] == [entry["value"] for entry in latency["latency"]]
    first = latency["latency"][0]
    assert (["discord"], {"user": "u1"}) == (first["tags"], first["metadata"])
    assert {} == recorded().get_metrics("nothing")


def test_without_a_kind_everything_can_be_had() -> None:
    metrics = recorded()
    metrics.record_log("INFO", "discord")
    everything = metrics.get_metrics(None, None, None)
    assert {"latency", "depth"} == set(everything["recorded"])
    assert {"log_entries{level=info,platform=discord,status=success}": 1} == everything["counters"]


@pytest.mark.parametrize(
    "form",
    [
        lambda moment: moment,
        lambda moment: moment.astimezone(),
        lambda moment: moment.isoformat(),
        lambda moment: moment.timestamp(),
    ],
)
def test_it_can_be_had_by_its_time_however_that_is_given(form: Callable[[datetime], Any]) -> None:
    metrics = recorded()
    before = form(datetime.now() - timedelta(hours=1))
    after = form(datetime.now() + timedelta(hours=1))
    assert 2 == len(metrics.get_metrics("latency", before, after)["latency"])
    assert {"latency": [], "depth": []} == metrics.get_metrics(start_time=after)
    assert {"latency", "depth"} == set(metrics.get_summary(None, before, after))
    assert {} == metrics.get_summary(end_time=before)


def test_the_summary_says_the_same_of_each_kind() -> None:
    expected = {"count": 2, "sum": 6.0, "min": 2.0, "max": 4.0, "avg": 3.0}
    assert {"latency": expected} == recorded().get_summary("latency")


def test_what_is_saved_can_be_loaded_and_is_not_exported_again(tmp_path: Path) -> None:
    metrics = recorded()
    metrics.increment("log_errors")
    metrics.histogram("took", 3)
    metrics.save_metrics(str(tmp_path / "m.json"))
    assert json.loads((tmp_path / "m.json").read_text())["recorded"]["depth"]
    other = LogMetrics()
    before = value("dreamos_log_recorded_count")
    other.load_metrics(str(tmp_path / "m.json"))
    assert metrics.get_summary() == other.get_summary()
    assert metrics.get_metrics("depth") == other.get_metrics("depth")
    for part in ("counters", "gauges", "histograms"):
        assert metrics.get_metrics()[part] == other.get_metrics()[part]
    assert before == value("dreamos_log_recorded_count")


def test_without_a_path_the_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded().save_metrics()
    assert (tmp_path / "metrics" / "log_metrics_metrics.json").is_file()
    metrics = LogMetrics(tmp_path / "own")
    metrics.record_metric("latency", 1)
    metrics.save_metrics(None)
    again = LogMetrics(tmp_path / "own")
    again.load_metrics()
    assert 1 == again.get_summary()["latency"]["count"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"recorded": [1], "counters": 3, "histograms": {"a": {"count": 1}}}'],
)
def test_a_file_that_is_damaged_raises_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(content)
    metrics = LogMetrics()
    metrics.load_metrics(tmp_path / "m.json")
    metrics.load_metrics(tmp_path / "missing.json")
    assert {} == metrics.get_summary()
    assert isinstance(metrics.get_metrics(), dict)


def test_clearing_forgets_here_and_not_what_was_exported() -> None:
    metrics = recorded()
    metrics.record_error("secret")
    metrics.clear_metrics()
    assert ({}, {}) == (metrics.get_summary(), metrics.get_metrics()["counters"])
    assert metrics.get_metrics()["last_error_message"] is None
    assert 2 == value("dreamos_log_recorded_count", metric="latency")


def test_odd_values_times_and_tags_raise_nothing() -> None:
    metrics = LogMetrics()
    for odd in ("many", None, float("nan"), True):
        metrics.record_metric("x", odd)  # type: ignore[arg-type]
    assert {} == metrics.get_summary()
    metrics.record_metric("x", 1, "word", ["no mapping"])  # type: ignore[arg-type]
    metrics.record_metric("x", 1, 5)  # type: ignore[arg-type]
    assert [["word"], []] == [entry["tags"] for entry in metrics.get_metrics("x")["x"]]
    assert 2 == len(metrics.get_metrics("x", "yesterday")["x"])
    assert testing.errors()["value"] >= 5


def test_memory_is_bounded() -> None:
    metrics = LogMetrics()
    for number in range(1100):
        metrics.record_metric("one", number)
        metrics.record_metric(f"kind{number % 100}", number)
    assert 1000 == metrics.get_summary("one")["one"]["count"]
    assert 51 == len(metrics.get_summary())
