"""Workers that begin anew count, also when `start()` stands under `if __name__ == "__main__"`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.library.core.test_core_survival import environment, totals
from tests.unit.library.core.wire import Push, Receiver

SCRIPT = """
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
import dreamos.core.metrics as metrics
tasks = metrics.Counter("tasks_total", "Tasks")

def work(n):
    tasks.inc(n)

if __name__ == "__main__":
    metrics.start(agent="under-main", job="J", interval=600, stalled_after=7)
    context = multiprocessing.get_context(sys.argv[1])
    RUN
"""
PROCESSES = """
    workers = [context.Process(target=work, args=(n,)) for n in (1, 2, 4)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
"""
POOL = """
    with context.Pool(2) as pool:
        pool.map(work, [1, 2, 4])
        pool.close()
        pool.join()
"""
EXECUTOR = """
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(work, [1, 2, 4]))
"""
NESTED = """
    worker = context.Process(target=nest, args=(sys.argv[1],))
    worker.start(); worker.join()
"""
#: In the module, so that a worker finds it.
NEST = """
def nest(method):
    tasks.inc(3)
    context = multiprocessing.get_context(method)
    worker = context.Process(target=work, args=(4,))
    worker.start(); worker.join()
"""
METHODS = [m for m in ("fork", "spawn", "forkserver") if sys.platform != "win32" or m == "spawn"]


def run_script(
    tmp_path: Path, url: str, code: str, method: str, **more: str
) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "program.py"
    script.write_text(code)
    clean = environment(url, tmp_path / "spool", **more)
    if "DREAMOS_METRICS_AGENT" not in more:
        del clean["DREAMOS_METRICS_AGENT"]
    return subprocess.run(
        [sys.executable, str(script), method],
        env=clean,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def agents(pushes: list[Push]) -> set[str]:
    return {push.path.split("/incarnation/")[0] for push in pushes}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("run", [PROCESSES, POOL, EXECUTOR, NESTED])
def test_workers_count_into_the_agent_of_the_process_that_made_them(
    receiver: Receiver, tmp_path: Path, method: str, run: str
) -> None:
    code = SCRIPT.replace("RUN", run.strip()).replace("\nif __name__", NEST + "\nif __name__")
    done = run_script(tmp_path, receiver.url, code, method)
    assert (0, "") == (done.returncode, done.stderr)
    assert {"/metrics/job/J/agent/under-main"} == agents(receiver.pushes)
    finals = [push for push in receiver.pushes if push.final]
    assert 7 == totals(finals, "tasks_total")
    assert not [push for push in finals if "dreamos-uncertain" in push.headers]
    assert {7.0} == {push.value("dreamos_agent_stalled_after_seconds") for push in finals}


@pytest.mark.parametrize("method", METHODS)
def test_a_call_in_the_program_wins_over_the_environment_in_workers_too(
    receiver: Receiver, tmp_path: Path, method: str
) -> None:
    code = SCRIPT.replace("RUN", PROCESSES.strip())
    done = run_script(tmp_path, receiver.url, code, method, DREAMOS_METRICS_AGENT="environment")
    assert 0 == done.returncode, done.stderr
    assert {"/metrics/job/J/agent/under-main"} == agents(receiver.pushes)
    assert 7 == totals([push for push in receiver.pushes if push.final], "tasks_total")


def test_after_stop_new_workers_do_not_push(receiver: Receiver, tmp_path: Path) -> None:
    code = SCRIPT.replace("RUN", "metrics.stop(30)\n    " + PROCESSES.strip())
    done = run_script(tmp_path, receiver.url, code, "spawn")
    assert 0 == done.returncode, done.stderr
    assert 1 == len({push.incarnation for push in receiver.pushes})


def test_another_program_that_an_agent_runs_is_not_that_agent(
    receiver: Receiver, tmp_path: Path
) -> None:
    other = "import dreamos.core.metrics as m; c = m.Counter('other_total', 'O'); c.inc()"
    code = SCRIPT.replace(
        "RUN", f"import subprocess\n    subprocess.run([sys.executable, '-c', {other!r}])"
    )
    done = run_script(tmp_path, receiver.url, code, "spawn")
    assert 0 == done.returncode, done.stderr
    assert 1 == len({push.incarnation for push in receiver.pushes})
