"""SIGTERM at any moment: the process ends, with its final push, and a second signal always kills.

DREAMOS_TEST_SIGTERMS (default 100) is the number of signals for each thing that the main thread does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.durability.harness import ROOT
from tests.unit.library.core.test_core_survival import environment, totals
from tests.unit.library.core.wire import Receiver, serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

SIGNALS = int(os.environ.get("DREAMOS_TEST_SIGTERMS", "100"))
#: Longer than any bound of ours, also on a machine with a load of 30. Who needs it hangs.
HUNG_SECONDS = 120

# One process forks many, each of which is interrupted at another moment.
MANY = """
import logging, os, random, signal, sys, time, warnings
warnings.simplefilter("ignore")
from dreamos.core.metrics import Counter, flush, start, stop
tasks = Counter("tasks_total", "Tasks", ["n"])
chance = random.Random(7)
ends = {}
for number in range(int(sys.argv[1])):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        tasks.labels("own").inc()
        os.write(writer, b"u")
        n = 0
        while True:
            n += 1
            BODY
    os.read(reader, 1)
    os.close(reader); os.close(writer)
    time.sleep(chance.uniform(0, 0.05))
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + HUNG
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.005)
    if ended == (0, 0):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        ends["hung"] = ends.get("hung", 0) + 1
    else:
        end = os.waitstatus_to_exitcode(ended[1])
        ends[end] = ends.get(end, 0) + 1
print(ends)
"""


@pytest.mark.parametrize(
    "body",
    [
        "flush(5)",
        "tasks.labels(str(n)).inc()",
        "tasks.labels(str(n % 50), 'wrong')",
        "Counter(f'made_{n}_total', 'Made').inc()",
        "logging.getLogger('dreamos.metrics').debug('x')",
        "stop(5); start()",
    ],
)
def test_whatever_the_main_thread_does_sigterm_ends_it(tmp_path: Path, body: str) -> None:
    code = MANY.replace("BODY", body).replace("HUNG", str(HUNG_SECONDS))
    with serving() as receiver:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                str(SIGNALS if body.startswith("flush") else SIGNALS // 4),
            ],
            env=environment(receiver.url, tmp_path, DREAMOS_METRICS_INTERVAL="0.05"),
            capture_output=True,
            text=True,
            timeout=3000,
            check=False,
        )
    assert 0 == done.returncode, done.stderr
    number = SIGNALS if body.startswith("flush") else SIGNALS // 4
    assert f"{{-15: {number}}}\n" == done.stdout, done.stderr


ALONE = """
import os, sys, time
import dreamos.core.metrics as metrics
from dreamos_metrics.push import lifecycle
tasks = metrics.Counter("tasks_total", "Tasks")
tasks.inc(3)
assert metrics.flush(60)
tasks.inc(4)
SETUP
print("up", flush=True)
while True:
    time.sleep(0.05)
"""


def begin(code: str, receiver: Receiver, spool: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(receiver.url, spool),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert b"up\n" == process.stdout.readline()
    return process


def finish(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(HUNG_SECONDS)
    finally:
        process.kill()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def test_a_second_signal_kills_while_the_first_one_waits(tmp_path: Path) -> None:
    patient = "object.__setattr__(lifecycle.current().settings, 'exit_timeout', 100000.0)\n"
    hanging = "metrics.on_snapshot(lambda: time.sleep(100000))\n"
    with serving() as receiver:
        process = begin(ALONE.replace("SETUP", patient + hanging), receiver, tmp_path)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert process.poll() is None, "it waits for its final push"
        process.send_signal(signal.SIGTERM)
        assert -signal.SIGTERM == finish(process)


def test_a_collector_that_hangs_does_not_keep_a_process_alive(tmp_path: Path) -> None:
    with serving() as receiver:
        setup = "metrics.on_snapshot(lambda: time.sleep(100000))"
        process = begin(ALONE.replace("SETUP", setup), receiver, tmp_path)
        process.send_signal(signal.SIGTERM)
        assert -signal.SIGTERM == finish(process)
    assert 1 == len(list(tmp_path.glob("*.live"))), "what was counted waits"


def test_sigterm_pushes_everything_that_was_counted(tmp_path: Path) -> None:
    with serving() as receiver:
        process = begin(ALONE.replace("SETUP", ""), receiver, tmp_path)
        process.send_signal(signal.SIGTERM)
        assert -signal.SIGTERM == finish(process)
        assert 7 == totals(receiver.pushes, "tasks_total")
        assert receiver.pushes[-1].final
    assert [] == [*tmp_path.glob("*.live"), *tmp_path.glob("*.final")]


HANGS_AT_EXIT = """
import time
import dreamos.core.metrics as metrics
tasks = metrics.Counter("tasks_total", "Tasks")
tasks.inc(3)
assert metrics.flush(60)
tasks.inc(4)
metrics.on_snapshot(lambda: time.sleep(100000))
"""


def test_the_end_is_spooled_in_place_of_a_thread_that_hangs(tmp_path: Path) -> None:
    with serving() as receiver:
        done = subprocess.run(
            [sys.executable, "-c", HANGS_AT_EXIT],
            env=environment(receiver.url, tmp_path),
            timeout=HUNG_SECONDS,
            check=False,
        )
        assert 0 == done.returncode
        assert [] == list(tmp_path.glob("*.live"))
        assert 1 == len(list(tmp_path.glob("*.final")))
        # Whoever runs next sends it, as the end in order that it was.
        subprocess.run(
            [sys.executable, "-c", "import dreamos.core.metrics"],
            env=environment(receiver.url, tmp_path),
            timeout=HUNG_SECONDS,
            check=True,
        )
        assert 7 == totals(receiver.pushes, "tasks_total")
        assert not [push for push in receiver.pushes if "dreamos-uncertain" in push.headers]


def test_the_example_ends_by_many_signals_at_once(tmp_path: Path) -> None:
    with serving() as receiver:
        for storm in range(8):
            process = subprocess.Popen(
                [
                    *(sys.executable, str(ROOT / "examples" / "agent.py")),
                    *("--rate", "2000", "--url", receiver.url, "--workdir", str(tmp_path / "work")),
                ],
                env=environment(receiver.url, tmp_path / "spool"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert process.stdout is not None
            assert any(b"Ctrl-C" in line for line in process.stdout), "it never began"
            time.sleep(0.05 * storm)
            process.send_signal(signal.SIGTERM)
            if storm % 2:
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGTERM)
            assert finish(process) in (0, -signal.SIGTERM)
