"""Against the real service: nothing is lost while it is away, and nothing when agents are killed.

DREAMOS_TEST_OUTAGE_SECONDS (default 12) and DREAMOS_TEST_KILL_ROUNDS (default 1) make them as long as wanted.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.harness import ROOT, Ledger, Service, agent_environment, send_spool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")

OUTAGE = float(os.environ.get("DREAMOS_TEST_OUTAGE_SECONDS", "12"))
ROUNDS = int(os.environ.get("DREAMOS_TEST_KILL_ROUNDS", "1"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path)
    running.start()
    yield running
    running.kill()


# Three interpreters of their own, each of which lives through many short-lived forks.
SHORT = """
import os, sys
from dreamos.core.metrics import Counter, Histogram
jobs = Counter("jobs_total", "Jobs", ["kind"])
took = Histogram("job_seconds", "Time", buckets=[1, 2])
for number in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        for _ in range(3):
            jobs.inc(tags={"kind": "error"})
        took.observe(1.5)
        sys.exit(0)
    os.waitpid(pid, 0)
"""


def test_totals_are_exact_after_an_outage_while_200_short_lived_processes_counted(
    service: Service, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    began = time.monotonic()
    service.kill()
    parents = [
        subprocess.Popen(
            [sys.executable, "-c", SHORT, str(forks)], env=agent_environment(service, spool)
        )
        for forks in (49, 49, 49, 49)
    ]
    assert [0, 0, 0, 0] == [parent.wait(300) for parent in parents]
    assert 200 == len(list(spool.glob("*.final")))
    assert sum(path.stat().st_size for path in spool.iterdir()) < 200 * 10_000
    # The rest of the outage is part of the scenario, not a wait for something.
    time.sleep(max(0.0, OUTAGE - (time.monotonic() - began)))
    service.start()
    sent = send_spool(spool)
    assert (0, "200 sent, 0 refused and set aside, 0 left\n") == (sent.returncode, sent.stdout)
    assert 196 * 3 == service.total("jobs_total")
    assert 196 == service.total("job_seconds_count")
    assert 196 * 1.5 == service.total("job_seconds_sum")
    assert 200 == service.total("dreamos_agent_incarnations_ended_total")


BUSY = """
import os, signal, sys, threading
from pathlib import Path
from dreamos.core.metrics import Counter, Histogram
from tests.durability.harness import Ledger

calls = Counter("calls_total", "Calls", ["kind", "thread"])
sizes = Histogram("sizes", "Sizes", buckets=[1, 2, 3])
folder = Path(sys.argv[1])

def work(thread):
    cells = Ledger(folder, f"{os.getpid()}-{thread}").cells
    child = calls.labels("child", thread)
    while True:
        cells[0] += 1.0
        child.inc()
        cells[1] += 1.0
        cells[0] += 1.0
        calls.inc(tags={"kind": "tags", "thread": thread})
        cells[1] += 1.0
        cells[0] += 1.0
        sizes.observe(2)
        cells[1] += 1.0

forked = os.fork() == 0
for number in range(2):
    threading.Thread(target=work, args=(str(number),), daemon=True).start()
signal.alarm(120)  # should nobody kill us
os.write(1, b"%d\\n" % os.getpid())
signal.pause()
"""


def _one_round(service: Service, spool: Path, ledgers: Path, seed: int) -> None:
    chance = random.Random(seed)
    parents = [
        subprocess.Popen(
            [sys.executable, "-c", BUSY, str(ledgers)],
            env=agent_environment(service, spool),
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        for _ in range(10)
    ]
    try:
        pids = []
        for parent in parents:
            assert parent.stdout is not None
            pids += [int(parent.stdout.readline()), int(parent.stdout.readline())]
        assert 20 == len(set(pids))
        chance.shuffle(pids)
        for pid in pids:
            time.sleep(chance.uniform(0, 0.3))  # the random moment is the test
            os.kill(pid, signal.SIGKILL)
    finally:
        for parent in parents:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
            parent.wait(60)
            assert parent.stdout is not None
            parent.stdout.close()


def test_killed_agents_lose_nothing_but_the_call_in_flight(
    service: Service, tmp_path: Path
) -> None:
    spool, ledgers = tmp_path / "spool", tmp_path / "ledgers"
    ledgers.mkdir()
    for number in range(ROUNDS):
        _one_round(service, spool, ledgers, seed=number)
        sent = send_spool(spool)
        assert 0 == sent.returncode, sent
        counted = service.total("calls_total") + service.total("sizes_count")
        ended, begun = Ledger.bounds(ledgers)
        assert 40 * (number + 1) >= begun - ended
        assert ended <= counted <= begun
        assert ended > 10_000
        print(f"round {number + 1}: {ended:.0f} <= {counted:.0f} <= {begun:.0f}")


def test_the_spool_command_explains_itself_and_lists() -> None:
    for arguments, word in ((["--help"], "send"), (["send", "--help"], "--token-file")):
        done = subprocess.run(
            [sys.executable, "-m", "tools.spool", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert word in done.stdout


RESTART = """
import sys
from dreamos.core.metrics import Counter, Histogram, flush, start, stop
from dreamos_metrics.push.sender import COMPACT, Sender
forms = []
request = Sender._request
def noted(self, body, headers, timeout):
    answer = request(self, body, headers, timeout)
    forms.append(f"{'values' if headers['Content-Type'] == COMPACT else 'text'} {answer.status}")
    return answer
Sender._request = noted
steps = Counter("steps_total", "Steps", ["kind"])
sizes = Histogram("step_size", "Sizes", buckets=[1, 2])
start(interval=600)
for line in sys.stdin:
    steps.inc(tags={"kind": "quote \\" and \\n"}); sizes.observe(1.5)
    flush(30)
    print(forms[-2:], flush=True)
"""


def test_a_service_that_was_killed_learns_the_list_again_and_the_totals_stay_exact(
    service: Service, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RESTART],
        env=agent_environment(service, tmp_path / "spool", DREAMOS_METRICS_INTERVAL="600"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as agent:

        def step() -> str:
            assert agent.stdin is not None
            assert agent.stdout is not None
            agent.stdin.write("\n")
            agent.stdin.flush()
            return agent.stdout.readline()

        seen = [step() for _ in range(4)]
        assert "'values 200'" in seen[-1], seen
        assert 4 == service.total("steps_total")
        service.kill()
        service.start()
        assert "'text 200'" in step()
        assert "'values 200'" in step()
        assert 6 == service.total("steps_total")
        assert 9 == service.total("step_size_sum")
        assert agent.stdin is not None
        agent.stdin.close()
        assert 0 == agent.wait(60)
    assert 6 == service.total("steps_total")


FOREIGN = """
import os, prometheus_client
from dreamos.core.metrics import Counter, flush
theirs = prometheus_client.Counter("theirs_total", "Theirs", ["a"])
ours = Counter("ours_total", "Ours")
theirs.labels("x").inc(3)
ours.inc(3)
assert flush(30)
ours.inc(4)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_pushed_for_other_libraries_stays(
    service: Service, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN], env=agent_environment(service, spool), check=False
    )
    assert -9 == done.returncode
    assert 3 == service.total("ours_total")
    assert 0 == send_spool(spool).returncode
    assert 7 == service.total("ours_total")
    assert 3 == service.total("theirs_total")
