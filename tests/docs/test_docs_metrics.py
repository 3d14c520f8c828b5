"""The catalogue of metrics against a live scrape."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.contract.conftest import ROOT, Running

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

USE_EVERYTHING = """
import contextlib, logging, os, urllib.request
import flask
import dreamos.core.metrics as metrics
from dreamos.core.metrics import files, logs

agent = metrics.start(agent="Agent-1", stalled_after=300)
logs.install()
agent.health(0.9)
agent.heartbeat()
logging.getLogger("x").warning("look")
logging.getLogger("dreamos").setLevel("INFO")
logging.getLogger("dreamos").info("file_created", extra={"path": "a", "pattern": "*"})
with agent.operation("model call", deadline=60), agent.responding():
    pass
queue = metrics.queue("inbox")
queue.enqueued()
queue.processed()
queue.length(3)
queue.oldest_age(1.5)
cache = metrics.cache("c")
cache.hit()
cache.miss()
with metrics.api_call("model"):
    pass
old_logs, bridge = metrics.LogMetrics(), metrics.BridgeMetrics()
old_logs.record_log("INFO", "discord")
old_logs.record_error("it broke")
old_logs.record_rotation()
old_logs.record_metric("latency", 0.1)
bridge.record_request("a", "b")
bridge.record_success("a", "b", 0.1)
bridge.record_error("a", "b", "it broke")
metrics.CommandMetrics().track_command("help")
files.create_directory("there")
files.write_text("there/a.md", "text")
files.read_text("there/a.md")
for fails in (
    lambda: files.write_text("there/a.md/below", "text"),
    lambda: files.read_text("there/missing.md"),
    lambda: files.create_directory("there/a.md/below"),
):
    with contextlib.suppress(OSError):
        fails()
with contextlib.suppress(RuntimeError), agent.task("review"):
    raise RuntimeError
with agent.task("review"):
    pass
for number in range(200):
    with agent.task(f"task {number}"):
        pass
metrics.Counter("declared_total", "With a label", ["kind"]).inc()
app = flask.Flask("measured")
metrics.instrument_flask(app)
app.test_client().get("/nowhere").close()
with agent.operation("model call", deadline=60):
    assert metrics.flush()
    assert metrics.flush()
print(urllib.request.urlopen(os.environ["DREAMOS_METRICS_URL"] + "/metrics").read().decode())
"""
"""Uses everything there is, and prints a scrape while its own gauges are shown."""


def catalogue(page: str = PAGE) -> list[str]:
    """Return every name in the first column of the catalogue's tables."""
    rows = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([\w:*]+)", row)]


def use(service: Running, tmp_path: Path, *arguments: str) -> str:
    """Run a program that pushes to the service; return what it prints."""
    settings = {
        "DREAMOS_METRICS_URL": service.url,
        "DREAMOS_METRICS_SPOOL": str(tmp_path / "spool"),
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_everything_that_a_scrape_shows_is_in_the_catalogue(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    service = launch()
    service.push("plain", "")
    use(service, tmp_path, str(ROOT / "examples" / "agent.py"),
        "--operations", "80", "--rate", "4000", "--error-share", "0.4", "--seed", "1")  # fmt: skip
    scrape = use(service, tmp_path, "-c", USE_EVERYTHING)
    shown = set(re.findall(r"^# TYPE (\S+) ", scrape, re.MULTILINE))
    assert {"file_ops_read_errors_total", "dreamos_agent_health", "push_time_seconds"} <= shown
    patterns = [re.escape(name).replace(r"\*", r"\w+") for name in catalogue()]
    known = re.compile("|".join(patterns))
    missing = sorted(name for name in shown if not known.fullmatch(name))
    assert [] == missing, "docs/metrics.md does not list " + ", ".join(missing)


def test_every_line_of_the_library_and_of_the_service_is_seen_on_a_scrape(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    service = launch()
    service.push("plain", "")
    scrape = use(service, tmp_path, "-c", USE_EVERYTHING)
    shown = set(re.findall(r"^# TYPE (\S+) ", scrape, re.MULTILINE))
    unseen = [
        name
        for title in ("Pushed by the library", "Exported by the service")
        for name in catalogue(section(title))
        if name not in shown
    ]
    assert [] == unseen, ", ".join(unseen)


def section(title: str) -> str:
    """Return the part of the page under a heading of the second level."""
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def test_no_name_is_listed_twice() -> None:
    assert [] == [name for name, times in Counter(catalogue()).items() if times > 1]


def test_no_pattern_is_so_wide_that_it_fits_anything() -> None:
    assert [] == [name for name in catalogue() if not re.match(r"[a-z]+[_:][a-z]+", name)]
