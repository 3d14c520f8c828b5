"""A process whose descriptors were closed, as daemons do, and one that somebody else has ended."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.harness import Service, agent_environment, send_spool
from tests.unit.library.core.test_core_survival import run
from tests.unit.library.core.wire import serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and forks")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path)
    running.start()
    yield running
    running.kill()


# It does what it is told, line by line, and answers each with what came of it.
DAEMON = """
import os, socket, sys
import prometheus_client
import dreamos.core.metrics as metrics
from dreamos_metrics.push import lifecycle
from dreamos_metrics.spool import owner
tasks = metrics.Counter("tasks_total", "Tasks", ["kind"])
sizes = metrics.Histogram("sizes", "Sizes", buckets=[1, 2])
theirs = prometheus_client.Counter("theirs_total", "Theirs")
SETUP
metrics.start()
lines = os.fdopen(os.dup(0), "r")
answers = os.dup(1)
held = []

def count(n):
    for _ in range(n):
        tasks.inc(tags={"kind": "a"}); sizes.observe(1.5); theirs.inc()

def close_everything():
    kept = {lines.fileno(), answers}
    for fd in range(3, 200):
        if fd not in kept:
            try: os.close(fd)
            except OSError: pass

def open_others():
    # Somebody else's files and sockets get the numbers that ours had.
    for _ in range(20):
        held.append(open(sys.argv[1], "a+"))
        held.extend(socket.socketpair())
    for each in held[1::3]:
        each.setblocking(False)

def others_are_as_they_were():
    for each in held:
        os.fstat(each.fileno())
    for each in held[2::3]:
        each.setblocking(False)
        try:
            return not each.recv(1)
        except BlockingIOError:
            pass
    return os.path.getsize(sys.argv[1]) == 0

for line in lines:
    os.write(answers, (str(eval(line)) + "\\n").encode())
"""


class Daemon:
    """The process, and what it says."""

    def __init__(self, service: Service, tmp_path: Path, setup: str = "") -> None:
        self.spool = tmp_path / "spool"
        self._process = subprocess.Popen(
            [sys.executable, "-c", DAEMON.replace("SETUP", setup), str(tmp_path / "others")],
            env=agent_environment(service, self.spool, DREAMOS_METRICS_INTERVAL="600"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def end(self) -> tuple[int, str]:
        _, said = self._process.communicate(timeout=120)
        return self._process.returncode, said

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=120)


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    made: list[Daemon] = []
    yield made
    for daemon in made:
        daemon.kill()


def totals(service: Service) -> list[float]:
    return [service.total(name) for name in ("tasks_total", "sizes_count", "theirs_total")]


def test_a_daemon_that_closed_all_descriptors_is_not_taken_for_dead(
    service: Service, tmp_path: Path, daemons: list[Daemon]
) -> None:
    daemon = Daemon(service, tmp_path)
    daemons.append(daemon)
    assert "None" == daemon.ask("count(10)")
    assert "True" == daemon.ask("metrics.flush(60)")
    daemon.ask("close_everything()")
    daemon.ask("open_others()")
    daemon.ask("count(5)")
    # A neighbour looks into the folder before the daemon pushes again.
    assert "0 sent, 0 refused" in send_spool(daemon.spool).stdout
    assert [10, 10, 10] == totals(service)
    assert "True" == daemon.ask("metrics.flush(60)")
    assert [15, 15, 15] == totals(service)
    daemon.ask("count(2)")
    assert "True" == daemon.ask("others_are_as_they_were()")
    # The lock is held again.
    assert (0, "0 sent, 0 refused and set aside, 0 left\n") == (
        (sent := send_spool(daemon.spool)).returncode,
        sent.stdout,
    )
    status, said = daemon.end()
    assert 0 == status, said
    assert 1 == said.count("descriptors_closed")
    assert [17, 17, 17] == totals(service)
    assert 1 == service.total("dreamos_agent_incarnations_ended_total")


def test_a_process_whose_leftover_was_sent_from_another_container_counts_each_once(
    service: Service, tmp_path: Path, daemons: list[Daemon]
) -> None:
    daemon = Daemon(service, tmp_path, "owner._system = lambda: 'another'; metrics.stop(60)")
    daemons.append(daemon)
    daemon.ask("count(10)")
    assert "True" == daemon.ask("metrics.flush(60)")
    daemon.ask("close_everything()")
    daemon.ask("count(5)")
    assert "1 sent, 0 refused" in send_spool(daemon.spool).stdout
    # Other libraries' counts are not in the file: there, what was pushed last stands.
    assert [15, 15, 10] == totals(service)
    daemon.ask("count(4)")
    assert "True" == daemon.ask("metrics.flush(60)")
    assert [19, 19, 19] == totals(service)
    status, said = daemon.end()
    assert 0 == status, said
    assert 1 == said.count("ended_by_others")
    assert [19, 19, 19] == totals(service)
    assert [] == list(daemon.spool.glob("*.sent"))


@pytest.mark.parametrize("spool", ["", "memory"])
def test_a_process_that_was_ended_by_a_request_goes_on_as_another_incarnation(
    service: Service, tmp_path: Path, daemons: list[Daemon], spool: str
) -> None:
    setup = "import os; os.environ['DREAMOS_METRICS_SPOOL'] = ''; metrics.stop(60)" if spool else ""
    daemon = Daemon(service, tmp_path, setup)
    daemons.append(daemon)
    daemon.ask("count(10)")
    assert "True" == daemon.ask("metrics.flush(60)")
    url = daemon.ask("lifecycle.current().url")
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=60).close()
    daemon.ask("count(5)")
    assert "True" == daemon.ask("metrics.flush(60)")
    assert [15, 15, 15] == totals(service)
    urllib.request.urlopen(
        urllib.request.Request(daemon.ask("lifecycle.current().url"), method="DELETE"), timeout=60
    ).close()
    daemon.ask("count(3)")
    status, said = daemon.end()
    assert 0 == status, said
    assert [18, 18, 18] == totals(service), "the final push too"


def test_flush_is_not_true_when_the_service_took_nothing(tmp_path: Path) -> None:
    with serving() as receiver:
        receiver.answer = lambda push: (200, {"Dreamos-Result": "stale"}, "")
        code = "from dreamos.core.metrics import flush\nassert not flush(60)\n"
        done = run(code, receiver.url, tmp_path)
    assert 0 == done.returncode, done.stderr
