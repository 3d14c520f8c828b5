"""Processes that end in every way there is, seen by a real HTTP server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dreamos_metrics.push import spool_delivery
from dreamos_metrics.spool import spool_folder
from tests.unit.library.core.wire import Push, Receiver

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks")


def environment(url: str, spool: Path, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DREAMOS_")}
    return {
        **clean,
        "PYTHONPATH": str(ROOT / "src"),
        "DREAMOS_METRICS_AGENT": "A",
        "DREAMOS_METRICS_URL": url,
        "DREAMOS_METRICS_SPOOL": str(spool),
        "DREAMOS_METRICS_INTERVAL": "600",
        **more,
    }


def run(code: str, url: str, spool: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(url, spool),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def totals(pushes: list[Push], sample: str) -> float:
    """Add up the last word of every incarnation, as the service does."""
    last: dict[str, Push] = {}
    for push in pushes:
        known = last.get(push.incarnation)
        if not (known and known.final):
            last[push.incarnation] = push
    total = 0.0
    for push in last.values():
        with contextlib.suppress(KeyError):
            total += push.value(sample)
    return total


def unused_url() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


COUNT = """
from dreamos.core.metrics import Counter, Histogram
tasks = Counter("tasks_total", "Tasks", ["kind"])
took = Histogram("took_seconds", "Time", buckets=[1, 2])
for _ in range(1000):
    tasks.inc(tags={"kind": 'quote " newline \\n'})
took.observe(1.5)
"""
LINE = 'tasks_total{kind="quote \\" newline \\n"}'


def test_a_killed_process_loses_nothing(receiver: Receiver, tmp_path: Path) -> None:
    done = run(COUNT + "import os; os.kill(os.getpid(), 9)", receiver.url, tmp_path)
    assert -9 == done.returncode
    report = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=10)
    assert (1, 0, 0, "") == (report.sent, report.refused, report.left, report.problem)
    push = receiver.pushes[-1]
    assert 1000 == push.value(LINE)
    assert 1 == push.value('took_seconds_bucket{le="2.0"}')
    assert 1.5 == push.value("took_seconds_sum")
    assert "1" == push.headers["dreamos-uncertain"]
    assert push.final
    assert [] == spool_folder.waiting(tmp_path)


def test_a_running_process_is_left_alone(receiver: Receiver, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COUNT + "print('up', flush=True); input()"],
        env=environment(receiver.url, tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert b"up\n" == process.stdout.readline()
        assert 1 == len(spool_folder.waiting(tmp_path))
        report = spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=10)
        assert (0, 0) == (report.sent, report.left)
        process.kill()
    assert 1 == spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=10).sent


def test_the_next_agent_sends_what_a_killed_one_left(receiver: Receiver, tmp_path: Path) -> None:
    run(COUNT + "import os; os.kill(os.getpid(), 9)", receiver.url, tmp_path)
    assert 0 == run("import dreamos.core.metrics", receiver.url, tmp_path).returncode
    assert 1000 == totals(receiver.pushes, LINE)
    assert [] == spool_folder.waiting(tmp_path)


def test_a_final_snapshot_waits_in_the_spool_while_the_service_is_away(
    receiver: Receiver, tmp_path: Path
) -> None:
    away = unused_url()
    done = run(COUNT, away, tmp_path)
    assert 0 == done.returncode
    assert 1 == done.stderr.count("push_failed"), "said once"
    (file,) = spool_folder.waiting(tmp_path)
    assert ".final" == file.suffix
    assert 0o600 == file.stat().st_mode & 0o777
    assert 1 == spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=9).left, (
        "not meant for it"
    )
    assert (
        1 == spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=9, any_url=True).sent
    )
    push = receiver.pushes[-1]
    assert 1000 == push.value(LINE)
    assert "dreamos-uncertain" not in push.headers


FORK = (
    COUNT
    + """
import os
child = tasks.labels("forked")
child.inc(5)
pid = os.fork()
if pid == 0:
    child.inc(7)
    END
os.waitpid(pid, 0)
"""
)


@pytest.mark.parametrize("end", ["raise SystemExit", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_fork_is_an_incarnation_of_its_own_however_it_ends(
    receiver: Receiver, tmp_path: Path, end: str
) -> None:
    done = run(FORK.replace("END", end), receiver.url, tmp_path)
    assert 0 == done.returncode, done.stderr
    spool_delivery.send_spooled(tmp_path, receiver.url, "", seconds=10)
    assert 12 == totals(receiver.pushes, 'tasks_total{kind="forked"}')
    assert 1000 == totals(receiver.pushes, LINE)
    assert [] == spool_folder.waiting(tmp_path)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_push_their_final_snapshot(
    receiver: Receiver, tmp_path: Path, method: str
) -> None:
    script = tmp_path / "pool.py"
    script.write_text(f"""
import multiprocessing
from dreamos.core.metrics import Counter
tasks = Counter("tasks_total", "Tasks")
def work(n):
    tasks.inc(n)
if __name__ == "__main__":
    workers = [multiprocessing.get_context({method!r}).Process(target=work, args=(n,)) for n in (1, 2, 3)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
""")
    spool = tmp_path / "spool"
    done = subprocess.run(
        [sys.executable, str(script)], env=environment(receiver.url, spool), timeout=60, check=False
    )
    assert 0 == done.returncode
    finals = [push for push in receiver.pushes if push.final]
    assert 6 == totals(finals, "tasks_total")
    assert not any("dreamos-uncertain" in push.headers for push in finals)


def test_counts_of_prometheus_client_are_not_inherited_by_a_fork(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = """
import os, prometheus_client, dreamos.core.metrics
theirs = prometheus_client.Counter("theirs_total", "Theirs", ["a"])
theirs.labels("x").inc(5)
pid = os.fork()
theirs.labels("x").inc(1)
if pid: os.waitpid(pid, 0)
"""
    assert 0 == run(code, receiver.url, tmp_path).returncode
    assert 7 == totals(receiver.pushes, 'theirs_total{a="x"}')


def test_sigterm_pushes_the_final_snapshot_and_still_kills(
    receiver: Receiver, tmp_path: Path
) -> None:
    done = run(COUNT + "import os; os.kill(os.getpid(), 15); input()", receiver.url, tmp_path)
    assert -signal.SIGTERM == done.returncode
    assert receiver.pushes[-1].final
    assert 1000 == receiver.pushes[-1].value(LINE)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_applications_sigterm_handler_is_its_own(
    receiver: Receiver, tmp_path: Path, when: str
) -> None:
    handler = "import signal, sys; signal.signal(15, lambda *a: sys.exit(7))\n"
    code = handler + COUNT if when == "before" else COUNT + handler
    done = run(code + "import os; os.kill(os.getpid(), 15); input()", receiver.url, tmp_path)
    assert 7 == done.returncode
    assert receiver.pushes[-1].final


def test_a_second_start_reports_only_what_came_after_the_first_stop(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = """
from dreamos.core.metrics import Counter, Histogram, Summary, start, stop
c, h, s = Counter("c_total", "c"), Histogram("h", "h", buckets=[1]), Summary("s", "s")
for n in (1, 2, 4):
    start()
    c.inc(n); h.observe(n); s.observe(n)
    assert stop(30)
    c.inc(10 * n)
"""
    done = run(code, receiver.url, tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    finals = [push for push in receiver.pushes if push.final]
    assert [1, 12, 24] == [push.value("c_total") for push in finals]
    assert [1, 1, 1] == [push.value("h_count") for push in finals]
    assert [1, 2, 4] == [push.value("h_sum") for push in finals]
    assert [1, 2, 4] == [push.value("s_sum") for push in finals]


@pytest.mark.parametrize("folder", ["", "/proc/nowhere"])
def test_without_a_folder_values_live_in_memory(receiver: Receiver, folder: str) -> None:
    done = run(COUNT, receiver.url, Path(folder)) if folder else None
    if done is None:
        done = subprocess.run(
            [sys.executable, "-c", COUNT],
            env={**environment(receiver.url, Path()), "DREAMOS_METRICS_SPOOL": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert 0 == done.returncode
    assert (1 if folder else 0) == done.stderr.count("no_spool")
    assert 1000 == receiver.pushes[-1].value(LINE)


def test_a_fork_may_start_as_an_agent_of_its_own(receiver: Receiver, tmp_path: Path) -> None:
    # From 3.12 on Python warns of a fork beside a running thread, which is what is tried here.
    code = """
import os, warnings
from dreamos.core.metrics import Counter, start
warnings.simplefilter("ignore", DeprecationWarning)
tasks = Counter("tasks_total", "Tasks")
tasks.inc()
pid = os.fork()
if pid == 0:
    tasks.inc(2)
    start(agent="child")
    tasks.inc(3)
else:
    os.waitpid(pid, 0)
"""
    done = run(code, receiver.url, tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    counted = {push.path.split("/")[5]: push.value("tasks_total") for push in receiver.pushes}
    assert {"A": 1, "child": 5} == counted
    assert [] == spool_folder.waiting(tmp_path)


def test_a_call_of_start_wins_over_the_environment(receiver: Receiver, tmp_path: Path) -> None:
    code = """
from dreamos.core.metrics import Counter, start
tasks = Counter("tasks_total", "Tasks")
tasks.inc()
start(agent="B", interval=500)
start(agent="C")
tasks.inc()
"""
    done = run(code, receiver.url, tmp_path)
    assert 0 == done.returncode
    assert ["already_started"] == [line.split(": ")[1] for line in done.stderr.splitlines()], (
        done.stderr
    )
    counted = {
        push.path.split("/")[5]: push.value("tasks_total")
        for push in receiver.pushes
        if "tasks_total" in push.text
    }
    # On a busy machine the agent of the environment has pushed before it was replaced.
    assert "B" in counted
    assert 2 == sum(counted.values())
