"""What other libraries count: collectors that fail, families that are refused, forks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.library.core.test_core_survival import environment, run, totals
from tests.unit.library.core.wire import Push, Receiver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")

COLLECTOR = """
import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from dreamos.core.metrics import Counter, flush
class Theirs:
    fails = False
    def collect(self):
        yield CounterMetricFamily("first_total", "d", value=7)
        if self.fails:
            raise RuntimeError("the database is away")
        yield CounterMetricFamily("second_total", "d", value=9)
        yield GaugeMetricFamily("depth", "d", value=3)
theirs = Theirs()
prometheus_client.REGISTRY.register(theirs)
assert flush(30)
"""


def has(push: Push, sample: str) -> bool:
    return any(line.startswith(sample + " ") for line in push.text.splitlines())


def texts(receiver: Receiver) -> list[Push]:
    return [push for push in receiver.pushes if "text" in push.headers["content-type"]]


def test_a_collector_that_raises_is_sent_with_its_last_known_values(
    receiver: Receiver, tmp_path: Path
) -> None:
    done = run(COLLECTOR + "theirs.fails = True\nassert flush(30)\n", receiver.url, tmp_path)
    assert 0 == done.returncode, done.stderr
    last = receiver.pushes[-1]
    assert [7, 9, 3] == [last.value(name) for name in ("first_total", "second_total", "depth")]
    assert 1 <= last.value('dreamos_client_errors_total{reason="foreign_collector"}')


def test_a_collector_that_goes_on_failing_keeps_its_totals_and_not_its_gauges(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = COLLECTOR + "theirs.fails = True\nfor _ in range(6): assert flush(30)\n"
    assert 0 == run(code, receiver.url, tmp_path).returncode
    assert 9 == receiver.pushes[-1].value("second_total")
    assert not has(receiver.pushes[-1], "depth")


def test_a_collector_that_was_unregistered_is_gone_for_good(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = COLLECTOR + (
        "theirs.fails = True\nassert flush(30)\n"
        "prometheus_client.REGISTRY.unregister(theirs)\nassert flush(30)\n"
    )
    assert 0 == run(code, receiver.url, tmp_path).returncode
    assert not has(receiver.pushes[-1], "second_total")
    assert not has(receiver.pushes[-1], "first_total")


REFUSED = """
import prometheus_client
from dreamos.core.metrics import Counter, flush
ours = Counter("ours_total", "Ours")
ours.inc(5)
for name in ("alpha_jobs", "beta_jobs", "gamma_jobs", "delta_jobs", "bad_jobs"):
    prometheus_client.Counter(name, "d").inc(2)
for _ in range(12): flush(30)
"""
THEIRS = ("alpha_jobs_total", "beta_jobs_total", "gamma_jobs_total", "delta_jobs_total")


def refusing(words: str) -> Any:
    def answer(push: Push) -> tuple[int, dict[str, str], str]:
        if has(push, "bad_jobs_total"):
            lines = push.text.splitlines()
            at = next(i for i, line in enumerate(lines, 1) if line.startswith("bad_jobs_total "))
            return 400, {}, words.format(line=at)
        return 200, {"Dreamos-Result": "accepted"}, ""

    return answer


@pytest.mark.parametrize(
    "words", ["line {line}: no", "counter bad_jobs_total is a gauge elsewhere", "no"]
)
def test_after_a_400_only_the_family_that_was_refused_is_left_out(
    receiver: Receiver, tmp_path: Path, words: str
) -> None:
    receiver.answer = refusing(words)
    assert 0 == run(REFUSED, receiver.url, tmp_path).returncode
    last = receiver.pushes[-1]
    assert last.final
    assert 5 == last.value("ours_total")
    assert [2, 2, 2, 2] == [last.value(name) for name in THEIRS]
    assert not has(last, "bad_jobs_total")


def test_a_refused_push_is_followed_at_once_by_one_that_is_taken(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = refusing("no word about which")
    code = REFUSED.replace("for _ in range(12): flush(30)", "assert flush(30)")
    assert 0 == run(code, receiver.url, tmp_path).returncode


OPEN_TELEMETRY = """
import os
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
import dreamos.core.metrics
requests = MeterProvider([PrometheusMetricReader()]).get_meter("m").create_counter("requests")
requests.add(10)
pid = os.fork()
if pid == 0:
    requests.add(1)
else:
    os.waitpid(pid, 0)
"""


def total_of(pushes: list[Push], name: str) -> float:
    lines = {line.split(" ")[0] for push in pushes for line in push.text.splitlines()}
    found = [line for line in lines if line.partition("{")[0] == name]
    return sum(totals(pushes, line) for line in found)


def test_a_counter_of_open_telemetry_is_not_counted_twice_by_a_fork(
    receiver: Receiver, tmp_path: Path
) -> None:
    done = run(OPEN_TELEMETRY, receiver.url, tmp_path)
    assert 0 == done.returncode, done.stderr
    assert 11 == total_of(receiver.pushes, "requests_total")


FORKS = """
import os, prometheus_client, dreamos.core.metrics
theirs = prometheus_client.Counter("theirs_total", "Theirs", ["a"])
sizes = prometheus_client.Histogram("sizes", "Sizes", buckets=[1, 2])
theirs.labels("x").inc(5)
sizes.observe(1.5); sizes.observe(1.5)
pid = os.fork()
if pid == 0:
    CHILD
else:
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize(
    ("child", "total", "count"),
    [
        ("theirs.labels('x').inc(); sizes.observe(0.5)", 6, 3),
        ("theirs.labels('x').reset(); theirs.labels('x').inc(2)", 7, 2),
        ("theirs.clear(); theirs.labels('x').inc(9)", 14, 2),
        ("sizes.clear(); sizes._metric_init(); sizes.observe(0.5)", 5, 3),
    ],
)
def test_a_counter_that_begins_anew_in_a_fork_never_turns_negative(
    receiver: Receiver, tmp_path: Path, child: str, total: float, count: float
) -> None:
    done = run(FORKS.replace("CHILD", child), receiver.url, tmp_path)
    assert 0 == done.returncode, done.stderr
    assert total == totals(receiver.pushes, 'theirs_total{a="x"}')
    assert count == totals(receiver.pushes, "sizes_count")
    lines = [line for push in receiver.pushes for line in push.text.splitlines()]
    assert not [line for line in lines if line.startswith(("theirs", "sizes")) and " -" in line]


def test_the_multiprocess_mode_of_prometheus_client_counts_each_process_once(
    receiver: Receiver, tmp_path: Path
) -> None:
    import subprocess

    files = tmp_path / "files"
    files.mkdir()
    more = {"PROMETHEUS_MULTIPROC_DIR": str(files)}
    done = subprocess.run(
        [sys.executable, "-c", FORKS.replace("CHILD", "theirs.labels('x').inc(9)")],
        env=environment(receiver.url, tmp_path / "spool", **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert 14 == totals(receiver.pushes, 'theirs_total{a="x"}')


def test_what_one_incarnation_reported_of_other_libraries_the_next_does_not(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = """
import prometheus_client
from dreamos.core.metrics import start, stop
theirs = prometheus_client.Counter("theirs_total", "Theirs")
for n in (1, 2, 4):
    start()
    theirs.inc(n)
    assert stop(30)
"""
    assert 0 == run(code, receiver.url, tmp_path).returncode
    finals = [push for push in receiver.pushes if push.final]
    assert [1, 2, 4] == [push.value("theirs_total") for push in finals]
