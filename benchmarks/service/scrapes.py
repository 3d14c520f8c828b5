"""Scrapes of many series: CPU time of the server, and how long pushes and scrapes wait."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from dataclasses import dataclass

from benchmarks.service.bodies import text
from benchmarks.service.peers import Peer

ACCEPT = {
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
    "text": "text/plain;version=0.0.4",
}
AGENTS = 100
SAMPLES = 1_000


class Agents:
    """Agents that have pushed, each on a connection of its own."""

    def __init__(self, peer: Peer, count: int = AGENTS, incarnation: bool = True) -> None:
        self._bodies = [text(SAMPLES, seed) for seed in range(3)]
        self._end = "/incarnation/p" if incarnation else ""
        self._lines = [
            http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60) for _ in range(count)
        ]
        self._pushes = 0

    def push(self, number: int, body: bytes | None = None) -> float:
        """Push as agent ``number``; return how long that took, in seconds."""
        self._pushes += 1
        line = self._lines[number]
        began = time.perf_counter()
        path = f"/metrics/job/bench/agent/A{number:03d}{self._end}"
        line.request("PUT", path, body or self._bodies[self._pushes % len(self._bodies)])
        answer = line.getresponse()
        answer.read()
        if answer.status not in (200, 202):
            raise RuntimeError(f"a push was answered {answer.status}")
        return time.perf_counter() - began

    def push_all(self) -> None:
        """Push as every agent, with values other than before."""
        self._pushes += 1
        for number in range(len(self._lines)):
            self.push(number, self._bodies[self._pushes % len(self._bodies)])

    def end(self, number: int, processes: int) -> None:
        """Let other processes of the agent come and end."""
        line = self._lines[number]
        for process in range(processes):
            path = f"/metrics/job/bench/agent/A{number:03d}/incarnation/e{process}"
            line.request("PUT", path, self._bodies[0], {"Dreamos-Final": "1"})
            line.getresponse().read()


def scrape(peer: Peer, form: str) -> tuple[float, float]:
    """Return the server's CPU seconds for one scrape, and how long it took."""
    time.sleep(0.05)
    before, began = peer.cpu(), time.perf_counter()
    status, _ = peer.get("/metrics", Accept=ACCEPT[form])
    took, used = time.perf_counter() - began, peer.cpu() - before
    if status != 200:
        raise RuntimeError(f"a scrape was answered {status}")
    return used, took


@dataclass
class Costs:
    """CPU milliseconds of a scrape (median), by how much had changed."""

    form: str
    everything: float
    one_percent: float


def costs(peer: Peer, agents: Agents, form: str, rounds: int = 9) -> Costs:
    """Measure scrapes after every agent pushed, and after one in a hundred did."""
    agents.push_all()
    scrape(peer, form)
    everything, little = [], []
    for _ in range(rounds):
        agents.push_all()
        everything.append(scrape(peer, form)[0])
        agents.push(0)
        little.append(scrape(peer, form)[0])
    return Costs(form, 1e3 * statistics.median(everything), 1e3 * statistics.median(little))


@dataclass
class Waits:
    """Milliseconds of pushes and scrapes: alone, and while the other goes on all the time."""

    push_alone: float
    push_beside: float
    scrape_alone: float
    scrape_beside: float


def waits(peer: Peer, agents: Agents, rounds: int = 40) -> Waits:
    """Measure medians of how long pushes and scrapes take for the one who waits for them."""
    push_alone = [agents.push(n % AGENTS) for n in range(rounds)]
    scrape_alone = [scrape(peer, "protobuf")[1] for _ in range(rounds)]
    stop = threading.Event()
    found: list[float] = []

    def scraping() -> None:
        while not stop.is_set():
            found.append(scrape(peer, "protobuf")[1])

    thread = threading.Thread(target=scraping)
    thread.start()
    push_beside: list[float] = []
    while len(found) < rounds:
        push_beside.append(agents.push(len(push_beside) % AGENTS))
    stop.set()
    thread.join()
    medians = [
        1e3 * statistics.median(times) for times in (push_alone, push_beside, scrape_alone, found)
    ]
    return Waits(*medians)


def flood(peer: Peer, agents: Agents, rounds: int = 40) -> Waits:
    """Measure the same beside one agent that pushes a million distinct series, over and over."""
    push_alone = [agents.push(n % AGENTS) for n in range(rounds)]
    scrape_alone = [scrape(peer, "protobuf")[1] for _ in range(rounds)]
    stop = threading.Event()
    bad = Bad(peer, stop)
    bad.start()
    push_beside = [agents.push(n % AGENTS) for n in range(rounds)]
    scrape_beside = [scrape(peer, "protobuf")[1] for _ in range(rounds)]
    stop.set()
    bad.join()
    medians = [
        1e3 * statistics.median(times)
        for times in (push_alone, push_beside, scrape_alone, scrape_beside)
    ]
    return Waits(*medians)


class Bad(threading.Thread):
    """An agent that pushes a million distinct series, 100,000 in a body, without a pause."""

    def __init__(self, peer: Peer, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._line = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
        self._stopped = stop
        self._bodies = [
            b"".join(b'flood{n="%d"} 1\n' % n for n in range(at, at + 100_000))
            for at in range(0, 1_000_000, 100_000)
        ]
        self.refused = 0

    def run(self) -> None:
        """Push until it is told to stop."""
        while not self._stopped.is_set():
            for body in self._bodies:
                self._line.request("PUT", "/metrics/job/bench/agent/bad/incarnation/p", body)
                answer = self._line.getresponse()
                answer.read()
                self.refused += answer.status == 429
                if self._stopped.is_set():
                    break
