"""Scrapes of many series: CPU time of the server, and how long pushes and scrapes wait."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from benchmarks.service.bodies import Rising
from benchmarks.service.peers import Peer

ACCEPT = {
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
    "text": "text/plain;version=0.0.4",
}
AGENTS = 100
SAMPLES = 1_000
ROUNDS = 100


class Agents:
    """Agents that have pushed, each on a connection of its own."""

    def __init__(self, peer: Peer, count: int = AGENTS, incarnation: bool = True) -> None:
        self._rising = Rising(SAMPLES, 0)
        self._end = "/incarnation/p" if incarnation else ""
        self._lines = [
            http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60) for _ in range(count)
        ]
        self._pushes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def push(self, number: int, body: bytes | None = None) -> float:
        """Push as agent ``number``; return how long that took, in seconds."""
        self._pushes += 1
        line = self._lines[number]
        path = f"/metrics/job/bench/agent/A{number:03d}{self._end}"
        content = body or self._rising.text()
        began = time.perf_counter()
        line.request("PUT", path, content)
        answer = line.getresponse()
        answer.read()
        if answer.status not in (200, 202):
            raise RuntimeError(f"a push was answered {answer.status}")
        return time.perf_counter() - began

    def push_all(self) -> None:
        """Push as every agent, with values other than before."""
        self._pushes += 1
        for number in range(len(self._lines)):
            self.push(number)

    def with_one_more(self, name: str) -> bytes:
        """Return a body with a series that no body had before."""
        return self._rising.text() + f"bench_more_{name} 1\n".encode()

    def end(self, number: int, processes: int) -> None:
        """Let other processes of the agent come and end."""
        line = self._lines[number]
        for process in range(processes):
            path = f"/metrics/job/bench/agent/A{number:03d}/incarnation/e{process}"
            line.request("PUT", path, self._rising.text(), {"Dreamos-Final": "1"})
            line.getresponse().read()


class Scraper:
    """Scrapes on one connection that it keeps, as Prometheus does."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._line = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
        self._line.request("GET", "/-/ready")
        self._line.getresponse().read()

    def scrape(self, form: str) -> tuple[float, float]:
        """Return the server's CPU seconds for one scrape, and how long it took."""
        time.sleep(0.05)
        before, began = self._peer.cpu(), time.perf_counter()
        headers = {"Accept": ACCEPT[form], "Accept-Encoding": "identity"}
        self._line.request("GET", "/metrics", headers=headers)
        answer = self._line.getresponse()
        answer.read()
        took, used = time.perf_counter() - began, self._peer.cpu() - before
        if answer.status != 200:
            raise RuntimeError(f"a scrape was answered {answer.status}")
        return used, took


@dataclass
class Costs:
    """CPU milliseconds of a scrape (median), by how much had changed."""

    form: str
    everything: float
    one_percent: float
    new_series: float


def costs(peer: Peer, agents: Agents, form: str, rounds: int = 9) -> Costs:
    """Measure scrapes after every agent pushed, after one in a hundred did, and after one of them
    pushed a series that nobody had."""
    scraper = Scraper(peer)
    agents.push_all()
    scraper.scrape(form)
    everything, little, new = [], [], []
    for number in range(rounds):
        agents.push_all()
        everything.append(scraper.scrape(form)[0])
        agents.push(0)
        little.append(scraper.scrape(form)[0])
        agents.push(0, agents.with_one_more(f"{form}_{number}"))
        new.append(scraper.scrape(form)[0])
        agents.push(0)
        scraper.scrape(form)
    return Costs(form, *(1e3 * statistics.median(found) for found in (everything, little, new)))


@dataclass
class Times:
    """Milliseconds of one push or scrape: the median, and what 95 of 100 stay below."""

    median: float
    most: float


@dataclass
class Waits:
    """Times of pushes and scrapes: alone, and beside something else that never pauses."""

    push_alone: Times
    push_beside: Times
    scrape_alone: Times
    scrape_beside: Times


def waits(peer: Peer, agents: Agents) -> Waits:
    """Measure pushes beside scrapes without a pause, and scrapes beside pushes without one.

    Every agent pushes before each scrape, so that all of them have the same to do.
    """
    push_alone, scrape_alone = pushes_of(agents), scrapes_of(peer, agents)
    with beside(_scrape_on, peer.port):
        push_beside = pushes_of(agents)
    with beside(_push_on, peer.port):
        scrape_beside = scrapes_of(peer, None)
    return Waits(push_alone, push_beside, scrape_alone, scrape_beside)


def bad(peer: Peer, agents: Agents, work: Callable[[int], None]) -> Waits:
    """Measure the same beside one agent that does ``work`` without a pause.

    Args:
        peer: the server.
        agents: the good ones.
        work: :func:`flood` or :func:`churn`.
    """
    push_alone, scrape_alone = pushes_of(agents), scrapes_of(peer, agents)
    with beside(work, peer.port):
        return Waits(push_alone, pushes_of(agents), scrape_alone, scrapes_of(peer, agents))


def _times(seconds: list[float]) -> Times:
    return Times(1e3 * statistics.median(seconds), 1e3 * statistics.quantiles(seconds, n=20)[-1])


def pushes_of(agents: Agents, rounds: int = ROUNDS) -> Times:
    """Measure one push after the other, the agents in turn."""
    return _times([agents.push(n % len(agents)) for n in range(rounds)])


def scrapes_of(peer: Peer, agents: Agents | None, rounds: int = ROUNDS) -> Times:
    """Measure scrapes, each after every one of ``agents`` has pushed."""
    scraper = Scraper(peer)
    found = []
    for _ in range(rounds):
        if agents is not None:
            agents.push_all()
        found.append(scraper.scrape("protobuf")[1])
    return _times(found)


@contextlib.contextmanager
def beside(work: Callable[[int], None], port: int) -> Iterator[None]:
    """Let a process of its own work on the server, so that only the server is shared."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=(port,), daemon=True)
    process.start()
    time.sleep(6.0)  # what an agent may use at once is used up by then
    try:
        yield
        if not process.is_alive():
            raise RuntimeError("what was to go on beside has ended")
    finally:
        process.kill()
        process.join()


def _scrape_on(port: int) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        line.request("GET", "/metrics", headers={"Accept": ACCEPT["protobuf"]})
        line.getresponse().read()


def _push_on(port: int) -> None:
    agents = Agents(Peer("", port, psutil.Process()))
    while True:
        agents.push_all()


def flood(port: int) -> None:
    """Push a million distinct series, 100,000 in a body: none of it is taken."""
    bodies = [
        b"".join(b'flood{n="%d"} 1\n' % n for n in range(at, at + 100_000))
        for at in range(0, 1_000_000, 100_000)
    ]
    _push_bad(port, lambda number: bodies[number % len(bodies)], (200, 429))


def churn(port: int) -> None:
    """Push 5,000 gauges that were never seen before, over and over: as many as it may."""

    def body(number: int) -> bytes:
        rows = (b'churn{n="%d"} 1\n' % n for n in range(number * 5_000, (number + 1) * 5_000))
        return b"".join(rows)

    _push_bad(port, body, (200, 429))


def _push_bad(port: int, body: Callable[[int], bytes], expected: tuple[int, ...]) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in itertools.count():
        line.request("PUT", "/metrics/job/bench/agent/bad/incarnation/p", body(number))
        answer = line.getresponse()
        answer.read()
        if answer.status not in expected:
            raise RuntimeError(f"the bad agent was answered {answer.status}")
