"""Totals of agents with more series than the service takes, against the real service."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.durability.harness import Service, agent_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
#: An agent that does what it is told, line by line.
AGENT = """
import sys
from dreamos.core.metrics import Counter, flush
a, b = Counter("a_total", "A", ["n"]), Counter("b_total", "B", ["n"])
few = Counter("few_total", "Few")
def count(metric, first, last):
    for n in range(first, last):
        metric.labels(f"n{n}").inc()
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Agent:
    """A process of the agent `A`."""

    def __init__(self, service: Service, spool: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", AGENT],
            env=agent_environment(service, spool, DREAMOS_METRICS_INTERVAL="600"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, line: str) -> None:
        """Let it do something, and wait until it is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert "done\n" == self.process.stdout.readline()

    def end(self) -> None:
        """Let it end in order."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert 0 == self.process.wait(120)
        self._close()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


Starter = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Starter]:
    """A starter of services with settings."""
    made: list[Service] = []

    def start(**settings: str) -> Service:
        made.append(Service(tmp_path, **settings))
        made[-1].start()
        return made[-1]

    yield start
    for service in made:
        service.kill()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[[Service], Agent]]:
    """A starter of processes of one agent."""
    made: list[Agent] = []

    def start(service: Service) -> Agent:
        made.append(Agent(service, tmp_path / "spool"))
        return made[-1]

    yield start
    for each in made:
        each.kill()


def folded(service: Service, sample: str) -> float:
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith(sample + "{") and '"(other)"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def totals(service: Service) -> dict[str, float]:
    return {name: service.total(f"{name}_total") for name in ("a", "b", "few")}


def test_two_metrics_of_6000_label_sets_arrive_with_all_that_they_counted(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve()
    one = agent(service)
    one.do("count(a, 0, 6000); count(b, 0, 6000); few.inc()")
    one.do("assert flush(120)")
    assert {"a": 6000, "b": 6000, "few": 1} == totals(service)
    one.do("count(a, 0, 6000); count(b, 0, 6000); few.inc()")
    one.end()
    assert {"a": 12000, "b": 12000, "few": 2} == totals(service)


def test_what_was_taken_stays_and_the_refused_family_is_folded_to_what_is_left(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    one = agent(service)
    one.do("count(a, 0, 300); assert flush(120)")
    one.do("count(a, 0, 300); count(b, 0, 600); few.inc(); assert flush(120)")
    assert {"a": 600, "b": 600, "few": 1} == totals(service)
    assert 0 == folded(service, "a_total")
    assert 1 < folded(service, "b_total")
    one.do("count(a, 200, 400); count(b, 500, 900); assert flush(120)")
    assert {"a": 800, "b": 1000, "few": 1} == totals(service)
    one.do("a.remove('n250'); b.remove('n590'); few.inc(); assert flush(120)")
    assert {"a": 800, "b": 1000, "few": 2} == totals(service)
    one.do("count(a, 250, 251); count(b, 590, 591)")
    one.end()
    assert {"a": 801, "b": 1001, "few": 2} == totals(service)


def test_a_second_process_with_other_label_sets_folds_to_what_the_first_one_left(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    one, two = agent(service), agent(service)
    one.do("count(a, 0, 420); assert flush(120)")
    two.do("count(a, 1000, 1400); count(b, 0, 400); few.inc(); assert flush(120)")
    assert {"a": 820, "b": 400, "few": 1} == totals(service)
    two.do("count(a, 1000, 1400); count(b, 0, 400); count(b, 2000, 2400); assert flush(120)")
    one.do("count(a, 0, 440); count(b, 3000, 3400); assert flush(120)")
    assert {"a": 1660, "b": 1600, "few": 1} == totals(service)
    one.end()
    two.do("few.inc()")
    two.end()
    assert {"a": 1660, "b": 1600, "few": 2} == totals(service)


def test_a_restart_of_the_agent_counts_nothing_twice(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    for begin in (0, 200, 5000):
        one = agent(service)
        one.do(f"count(a, {begin}, {begin + 300}); count(b, {begin}, {begin + 600}); few.inc()")
        one.end()
    assert {"a": 900, "b": 1800, "few": 3} == totals(service)


def test_what_a_killed_process_left_is_folded_as_it_was_shown(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    one = agent(service)
    one.do("count(a, 0, 300); assert flush(120)")
    one.do("count(b, 0, 600); assert flush(120)")
    one.do("count(a, 0, 300); count(b, 0, 800); few.inc()")
    one.kill()
    two = agent(service)
    two.do("assert flush(120)")
    two.end()
    assert {"a": 600, "b": 1400, "few": 1} == totals(service)


def test_what_was_counted_after_the_last_push_of_a_killed_process_is_fitted_in(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    one = agent(service)
    one.do("count(a, 0, 300); assert flush(120)")
    one.do("count(a, 0, 300); count(b, 0, 900); few.inc()")
    one.kill()
    two = agent(service)
    two.do("assert flush(120)")
    two.end()
    assert {"a": 600, "b": 900, "few": 1} == totals(service)
    assert 0 == folded(service, "a_total")


def test_a_process_that_was_killed_while_the_service_was_away_is_fitted_in(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    service.stop()
    one = agent(service)
    one.do("count(a, 0, 700); count(b, 0, 700); few.inc(); flush(5)")
    one.kill()
    service.start()
    two = agent(service)
    two.do("assert flush(120)")
    two.end()
    assert {"a": 700, "b": 700, "few": 1} == totals(service)


def test_a_process_that_ends_while_the_service_is_away_is_fitted_in(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve()
    service.stop()
    one = agent(service)
    one.do("count(a, 0, 6000); count(b, 0, 6000); few.inc()")
    one.end()
    service.start()
    two = agent(service)
    two.do("assert flush(120)")
    two.end()
    assert {"a": 6000, "b": 6000, "few": 1} == totals(service)


def test_a_process_that_ends_at_once_in_an_agent_without_room_is_fitted_in(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    one = agent(service)
    one.do("count(a, 0, 2000); assert flush(120)")
    two = agent(service)
    two.do("count(a, 5000, 6000); few.inc()")
    two.end()
    one.end()
    assert {"a": 3000, "b": 0, "few": 1} == totals(service)


def test_a_restart_of_the_service_counts_nothing_twice(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="1000")
    one = agent(service)
    one.do("count(a, 0, 300); count(b, 0, 600); assert flush(120)")
    service.kill()
    service.start()
    one.do("count(a, 0, 300); count(b, 0, 700); few.inc(); assert flush(120)")
    assert {"a": 600, "b": 1300, "few": 1} == totals(service)
    service.stop()
    service.start()
    one.end()
    assert {"a": 600, "b": 1300, "few": 1} == totals(service)


def test_smaller_limits_after_a_restart_count_nothing_twice_and_the_agent_is_seen(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="2000")
    one = agent(service)
    one.do("count(a, 0, 300); count(b, 0, 300); few.inc(); assert flush(120)")
    service.stop()
    service.settings["METRICS_MAX_SERIES"] = "400"
    service.start()
    one.do("few.inc(); assert flush(120); assert flush(120)")
    assert {"a": 300, "b": 300, "few": 2} == totals(service)
    one.do("count(a, 0, 300); few.inc()")
    one.end()
    found = totals(service)
    assert 300 <= found["a"] <= 600, "of what no longer fits, the newest stands still"
    assert 300 == found["b"]
    assert 3 == found["few"]


def test_larger_limits_after_a_restart_count_nothing_twice(
    serve: Starter, agent: Callable[[Service], Agent]
) -> None:
    service = serve(METRICS_MAX_SERIES="400")
    one = agent(service)
    one.do("count(a, 0, 300); count(b, 0, 300); few.inc(); assert flush(120)")
    assert {"a": 300, "b": 300, "few": 1} == totals(service)
    service.stop()
    service.settings["METRICS_MAX_SERIES"] = "4000"
    service.start()
    one.do("count(a, 0, 400); count(b, 0, 400); assert flush(120); assert flush(120)")
    assert {"a": 700, "b": 700, "few": 1} == totals(service)
    one.end()
    assert {"a": 700, "b": 700, "few": 1} == totals(service)
