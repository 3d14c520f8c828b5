"""The first event counts: a job that lives one second is not lost between two scrapes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.crew import Crew
from tests.e2e.stack import Stack
from tools.waiting import eventually

pytestmark = pytest.mark.stack

JOBS = 10
ERRORS = 3
JOB = """
import sys, time
from dreamos.core.metrics import Counter, start
start(agent=sys.argv[1])
errors = Counter("short_job_errors_total", "Errors of a job that lives one second")
for _ in range(int(sys.argv[2])):
    errors.inc()
    time.sleep(0.3)
"""


def test_every_error_of_jobs_that_live_one_second_is_in_increase(
    stack: Stack, tmp_path: Path
) -> None:
    environment = {**Crew(stack, tmp_path).environment(), "DREAMOS_METRICS_JOB": "short"}
    jobs = [
        subprocess.Popen([sys.executable, "-c", JOB, f"Job-{n}", str(ERRORS)], env=environment)
        for n in range(JOBS)
    ]
    assert {0} == {job.wait(timeout=60) for job in jobs}

    eventually(lambda: JOBS == len(stack.query("short_job_errors_total")), within=60)
    # Where the last sample lies, increase() has nothing to guess.
    at = stack.value("max(timestamp(short_job_errors_total))")
    grown = stack.query("increase(short_job_errors_total[10m])", at)

    assert {f"Job-{n}": ERRORS for n in range(JOBS)} == {
        row["metric"]["agent"]: pytest.approx(float(row["value"][1]), abs=0.001) for row in grown
    }
