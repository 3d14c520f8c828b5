"""Numbers of numpy are numbers wherever an agent says one."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamos_metrics import BaseMetrics, LogMetrics, api_call, cache, current_agent, queue, testing

value = testing.value


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), np.float64(0.5), np.float16(0.5)])
def test_an_agent_may_say_them(half: Any) -> None:
    agent = current_agent()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent.health(half)
        agent.response(half)
        with agent.operation("ask", deadline=half + 60), api_call("model"):
            pass
        inbox = queue("inbox")
        inbox.length(np.int64(3))
        inbox.oldest_age(half)
        inbox.enqueued(np.int64(2))
        cache("c").hit(np.uint8(2))
    assert {} == testing.errors()
    assert (0.5, 0.5) == (
        value("dreamos_agent_health"),
        value("dreamos_agent_response_seconds_sum"),
    )
    assert (3, 2) == (value("dreamos_queue_length"), value("dreamos_queue_enqueued_total"))


def test_the_older_classes_add_them_up_exactly_and_write_them_down(tmp_path: Path) -> None:
    metrics = BaseMetrics("old", tmp_path)
    metrics.increment("bytes", 2**24)
    for number in (np.float32(1), np.int64(1), 1):
        metrics.increment("bytes", number)
        metrics.histogram("took", number)
        metrics.gauge("depth", number)
    metrics.save()
    written = json.loads((tmp_path / "old_metrics.json").read_text())
    assert {"bytes": 2**24 + 3} == written["counters"]
    assert (1, 3) == (written["gauges"]["depth"], written["histograms"]["took"]["sum"])
    logs = LogMetrics()
    logs.record_metric("latency", np.float32(0.5))
    logs.save_metrics(tmp_path / "logs.json")
    logs.load_metrics(tmp_path / "logs.json")
    assert 0.5 == logs.get_summary()["latency"]["sum"]


@pytest.mark.parametrize("wrong", [np.float32("nan"), np.float64("inf"), True, "3", None, 1j])
def test_what_is_no_number_is_counted_and_changes_nothing(wrong: Any) -> None:
    current_agent().response(wrong)
    LogMetrics().record_metric("latency", wrong)
    assert {"value": 2} == testing.errors()
    assert 0 == value("dreamos_agent_response_seconds_count")
