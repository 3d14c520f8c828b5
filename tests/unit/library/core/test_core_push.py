"""What the library sends, seen by a real HTTP server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.unit.library.core.wire import Receiver

SEED = """
from dreamos.core.metrics import Counter, Gauge, Histogram

file_write_counter = Counter("file_ops_write_total", "Total file writes", ["path", "operation"])
file_read_counter = Counter("file_ops_read_total", "Total file reads", ["path", "operation"])
file_size_gauge = Gauge("file_size_bytes", "File size in bytes", ["path"])
operation_duration = Histogram(
    "file_operation_duration_seconds", "Time spent on file operations", ["operation"]
)
with operation_duration.labels(operation="write").time():
    file_write_counter.inc(tags={"path": "data.txt", "operation": "atomic_write"})
"""

parse: Any = text_string_to_metric_families
ROOT = Path(__file__).parents[4]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees the library and nothing of our environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DREAMOS_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_seeds_example_is_pushed_by_environment_variables_alone(
    receiver: Receiver, tmp_path: Path
) -> None:
    done = run(
        SEED,
        DREAMOS_METRICS_AGENT="Agent-1",
        DREAMOS_METRICS_URL=receiver.url,
        DREAMOS_METRICS_SPOOL=str(tmp_path),
    )
    assert (0, "") == (done.returncode, done.stderr)
    last = receiver.pushes[-1]
    assert last.final
    assert last.path.startswith("/metrics/job/dreamos/agent/Agent-1/incarnation/")
    assert 1 == last.value('file_ops_write_total{path="data.txt",operation="atomic_write"}')
    assert 1 == last.value('file_operation_duration_seconds_count{operation="write"}')


def test_a_push_carries_sequence_time_to_live_and_token_and_is_valid_openmetrics(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = f"""
from dreamos.core.metrics import Counter, start, flush
start(agent="a/b", job="night shift", url={receiver.url!r}, token="s3cret", interval=2, spool={str(tmp_path)!r})
Counter("things_total", "Things").inc(2)
assert flush()
"""
    done = run(code)
    assert (0, "") == (done.returncode, done.stderr)
    first, last = receiver.pushes[0], receiver.pushes[-1]
    assert last.path.startswith("/metrics/job/night%20shift/agent@base64/YS9i/incarnation/")
    assert "Bearer s3cret" == last.headers["authorization"]
    assert "10" == last.headers["dreamos-ttl"]
    assert int(first.headers["dreamos-sequence"]) < int(last.headers["dreamos-sequence"])
    assert not first.final
    assert 1 == len(receiver.connections), "the connection is kept alive"
    without_comments = "".join(
        line + "\n" for line in last.text.splitlines() if not line.startswith("# dreamos:")
    )
    families = {f.name: f for f in parse(without_comments)}
    assert {"things_total", "things_created"} == {s.name for s in families["things"].samples}
    assert "process_cpu_seconds" in families


def test_a_wrong_setting_in_the_environment_does_not_break_the_import() -> None:
    done = run(
        "import dreamos.core.metrics; print('alive')",
        DREAMOS_METRICS_AGENT="A",
        DREAMOS_METRICS_INTERVAL="often",
    )
    assert "alive\n" == done.stdout
    assert "DREAMOS_METRICS_INTERVAL" in done.stderr


def test_a_refused_push_is_counted_and_said_once(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = lambda push: (400, {}, "line 3: duplicate series")
    code = f"""
from dreamos.core.metrics import start, flush
start(agent="a", url={receiver.url!r}, interval=1, spool={str(tmp_path)!r})
assert not flush()
assert not flush()
"""
    done = run(code)
    assert 0 == done.returncode, done.stderr
    assert 1 == done.stderr.count("line 3: duplicate series")
    assert 1 <= receiver.pushes[-1].value('dreamos_client_errors_total{reason="push_refused"}')


def test_a_push_needs_no_import_that_a_fork_could_tear(receiver: Receiver, tmp_path: Path) -> None:
    code = f"""
import sys
from dreamos.core.metrics import start, flush
start(agent="a", url={receiver.url!r}, interval=600, spool={str(tmp_path)!r})
sys.modules["encodings.idna"] = None
before = set(sys.modules)
assert flush()
print(sorted(set(sys.modules) - before))
"""
    done = run(code)
    assert (0, "[]\n", "") == (done.returncode, done.stdout, done.stderr)
