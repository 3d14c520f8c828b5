"""What an agent says of counters that it resets, and what outlives a job, at a real service."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.contract.conftest import Running
from tools.waiting import eventually

ROOT = Path(__file__).parents[2]
AGENT = """
    import sys, time
    from dreamos_metrics import Counter, Enum, Gauge, flush, start
    start(agent="resets", job="lasting", interval=3600)
    done, kinds = Counter("done_total", "d"), Counter("kinds_total", "d", ["kind"])
    depth, mood = Gauge("depth", "d"), Enum("mood", "d", states=["well", "ill"])
    done.inc(5); kinds.inc(5, tags={"kind": "a"}); depth.set_function(lambda: 1 / 0)
    assert flush(60)
    done.reset(); kinds.clear()
    assert flush(60)
    done.inc(7); kinds.inc(7, tags={"kind": "a"}); mood.state("ill")
    kinds.remove("a")
    assert flush(60)
    done.inc(); kinds.inc(tags={"kind": "a"})
    print("ready", flush=True)
    time.sleep(600)
"""


def agent(service: Running, spool: Path, code: str = AGENT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DREAMOS_METRICS_URL": service.url,
            "DREAMOS_METRICS_SPOOL": str(spool),
        },
    )


def test_a_total_never_falls_whatever_a_process_resets_and_removes_not_even_by_a_kill(
    shared: Running, tmp_path: Path
) -> None:
    process = agent(shared, tmp_path)
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    assert 12 == shared.value("done_total", job="lasting")
    assert 12 == shared.value("kinds_total", job="lasting", kind="a")
    assert 1 == shared.value("mood", job="lasting", mood="ill")
    assert 0 == shared.value("mood", job="lasting", mood="well")
    assert shared.value("depth", job="lasting") is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    code = 'import dreamos_metrics as m; m.start(agent="resets", job="lasting"); m.stop()'
    successor = agent(shared, tmp_path, code)
    successor.communicate(timeout=120)
    assert 0 == successor.returncode
    eventually(lambda: 13 == shared.value("done_total", job="lasting"))
    eventually(lambda: 13 == shared.value("kinds_total", job="lasting", kind="a"))


def test_the_documented_way_to_keep_a_value_of_a_job_that_ended_keeps_it(shared: Running) -> None:
    page = (ROOT / "docs" / "instrumenting.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"(?ms)^```python\n((?:(?!^```).)*def succeeded\(.*?)^```", page)
    names: dict[str, object] = {}
    exec(block, names)
    names["succeeded"]("nightly", shared.url, "a-token")  # type: ignore[operator]
    said = shared.value("last_success_timestamp_seconds", job="nightly")
    assert said is not None
    assert said > 1.7e9
    (script,) = re.findall(r"(?ms)^```bash\n(name=last_success.*?)^```", page)
    shell = script.replace("http://127.0.0.1:8000", shared.url).replace("job/nightly", "job/weekly")
    done = subprocess.run(
        ["sh", "-c", shell], check=False, timeout=60, capture_output=True, text=True
    )
    assert (0, "") == (done.returncode, done.stdout), done
    assert said - 1 <= (shared.value("last_success_timestamp_seconds", job="weekly") or 0)
    shared.kill()
    shared.start()
    assert said == shared.value("last_success_timestamp_seconds", job="nightly")
