"""Agents that end in order are shown as ended, whoever is the last to tell: real Celery, real uvicorn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.harness import ROOT, Service, agent_environment, free_port, send_spool
from tools.waiting import ended, eventually, eventually_equal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")
PATIENCE_SECONDS = 180


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path)
    running.start()
    yield running
    running.kill()


def state(service: Service) -> str:
    """Return the state of the one agent there is."""
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    (found,) = [
        line for line in lines if line.startswith("dreamos_agent_state{") and line.endswith(" 1.0")
    ] or [line for line in lines if line.startswith("dreamos_agent_state{") and line.endswith(" 1")]
    return str(found.partition('state="')[2].partition('"')[0])


def program(
    tmp_path: Path, service: Service, *command: str, **more: str
) -> subprocess.Popen[bytes]:
    with (tmp_path / "program.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=tmp_path,
            env=agent_environment(service, tmp_path / "spool", **more),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def finish(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(PATIENCE_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)


FORKS = """
import os
from dreamos.core.metrics import Counter, flush
tasks = Counter("tasks_total", "Tasks")
tasks.inc(3)
pid = os.fork()
if pid == 0:
    tasks.inc(4)
    END
os.waitpid(pid, 0)
tasks.inc(5)
"""


@pytest.mark.parametrize(
    "end", ["os._exit(0)", "flush(60); tasks.inc(1); os._exit(0)", "os.kill(os.getpid(), 9)"]
)
def test_a_forked_child_that_skips_its_end_does_not_make_the_agent_lost(
    service: Service, tmp_path: Path, end: str
) -> None:
    process = program(tmp_path, service, "-c", FORKS.replace("END", end))
    assert 0 == finish(process), (tmp_path / "program.log").read_text()
    assert 0 == send_spool(tmp_path / "spool").returncode
    assert 12 + ("inc(1)" in end) == service.total("tasks_total")
    assert "ended" == state(service)


def test_an_orphan_that_is_killed_after_its_parent_ended_makes_the_agent_lost(
    service: Service, tmp_path: Path
) -> None:
    code = FORKS.replace(
        "    END\nos.waitpid(pid, 0)\n",
        "    import time; open('child', 'w').write(str(os.getpid())); time.sleep(600)\n",
    )
    assert 0 == finish(program(tmp_path, service, "-c", code))
    child = int(eventually(lambda: (tmp_path / "child").read_text()))
    # It pushes after its parent's end.
    before = service.total("dreamos_agent_last_push_timestamp_seconds")
    eventually(lambda: service.total("dreamos_agent_last_push_timestamp_seconds") > before + 1)
    os.kill(child, signal.SIGKILL)
    eventually(lambda: "1 sent" in send_spool(tmp_path / "spool").stdout)
    assert 12 == service.total("tasks_total")
    assert "lost" == state(service)


CELERY = """
import os, sys
from celery import Celery
import dreamos.core.metrics as metrics
app = Celery(broker_url="filesystem://", broker_transport_options={
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"})
app.conf.worker_hijack_root_logger = False
done = metrics.Counter("celery_tasks_total", "Tasks")

@app.task(name="work")
def work(n):
    done.inc(n)
"""
SEND = """
import worker
for n in (1, 2, 4, 8): worker.work.delay(n)
"""


# Its main process only: sent to the pool too, a SIGTERM makes Celery 5.7 wait for ever, without us as well.
@pytest.mark.parametrize("interval", ["1", "600"])
def test_celerys_prefork_pool_stopped_by_sigterm_has_ended_and_counted(
    service: Service, tmp_path: Path, interval: str
) -> None:
    (tmp_path / "worker.py").write_text(CELERY)
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    here = f"{tmp_path}{os.pathsep}{ROOT / 'src'}{os.pathsep}{ROOT}"
    quiet = {"PYTHONPATH": here, "DREAMOS_METRICS_INTERVAL": interval, "C_FORCE_ROOT": "1"}
    sender = program(tmp_path, service, "-c", SEND, **{**quiet, "DREAMOS_METRICS_AGENT": ""})
    assert 0 == finish(sender), (tmp_path / "program.log").read_text()
    process = program(
        tmp_path,
        service,
        *("-m", "celery", "-A", "worker", "worker", "--pool", "prefork", "--concurrency", "2"),
        *("--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        **quiet,
    )
    log = tmp_path / "program.log"
    eventually(
        lambda: log.read_text().count("succeeded in") == 4,
        within=PATIENCE_SECONDS,
        hopeless=lambda: ended(process),
    )
    process.terminate()
    finish(process)
    assert send_spool(tmp_path / "spool").stdout.endswith("0 left\n")
    assert 15 == service.total("celery_tasks_total"), log.read_text()
    assert "ended" == state(service)


UVICORN = """
import dreamos.core.metrics as metrics
metrics.start(agent="A")
requests = metrics.Counter("web_requests_total", "Requests")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                requests.inc(100)
                return
    requests.inc()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_uvicorn_stopped_by_sigterm_has_ended_and_counted(
    service: Service, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "web.py").write_text(UVICORN)
    port = free_port()
    process = program(
        tmp_path,
        service,
        *("-m", "uvicorn", "web:app", "--port", str(port), "--workers", str(workers)),
        PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT / 'src'}",
        DREAMOS_METRICS_INTERVAL="600",
    )
    log = tmp_path / "program.log"

    def get() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            return bool(answer.read() == b"ok")

    eventually(
        lambda: log.read_text().count("Application startup complete") == workers,
        within=PATIENCE_SECONDS,
        hopeless=lambda: ended(process),
    )
    eventually(get, within=PATIENCE_SECONDS)
    for _ in range(6):
        assert get()
    process.terminate()
    finish(process)
    assert 7 + 100 * workers == service.total("web_requests_total"), log.read_text()
    assert "ended" == state(service)
    assert "0 sent, 0 refused and set aside, 0 left\n" == send_spool(tmp_path / "spool").stdout
    assert workers == service.total("dreamos_agent_incarnations_ended_total")


CRON = """
import os, signal
from dreamos.core.metrics import Counter, flush
tasks = Counter("tasks_total", "Tasks")
tasks.inc(3)
assert flush(60)
tasks.inc(4)
os.kill(int(os.environ["SERVICE"]), signal.SIGSTOP)
"""


def test_a_job_whose_service_accepts_and_never_answers_has_ended(
    service: Service, tmp_path: Path
) -> None:
    process = service._process
    assert process is not None
    job = program(
        tmp_path, service, "-c", CRON, SERVICE=str(process.pid), DREAMOS_METRICS_INTERVAL="0.3"
    )
    try:
        assert 0 == finish(job), (tmp_path / "program.log").read_text()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert [] == list((tmp_path / "spool").glob("*.live"))
    # Its time to live is over, or not: what it left tells that it ended in order.
    eventually(lambda: send_spool(tmp_path / "spool").stdout.endswith("0 left\n"))
    assert 7 == service.total("tasks_total")
    eventually_equal("ended", lambda: state(service))


EXECS = """
import os, sys, time
from dreamos.core.metrics import Counter, flush
tasks = Counter("tasks_total", "Tasks")
tasks.inc(int(sys.argv[1]))
if sys.argv[1] == "7":
    os.execv(sys.executable, [sys.executable, __file__, "1"])
flush()
"""


def test_what_a_program_left_that_became_another_is_sent_by_that_one(
    tmp_path: Path, service: Service
) -> None:
    (tmp_path / "execs.py").write_text(EXECS)
    assert 0 == finish(program(tmp_path, service, "execs.py", "7"))
    eventually_equal(8, lambda: service.total("tasks_total"), within=PATIENCE_SECONDS)
