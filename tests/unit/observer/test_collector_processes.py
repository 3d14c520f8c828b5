from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from services.metrics.observer.processes import collector as processes
from services.metrics.observer.processes.collector import Agent, ProcessCollector
from services.metrics.observer.processes.table import LinuxTable, PortableTable, ProcessUsage
from tests.unit.observer.reading import value, values

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the Linux kernel's files")
PATTERN = r"agent-under-test (?P<agent>\S+)"
# Holds three more files open and two more threads, says so, and waits for the end of its input
PROGRAM = """
import sys, threading
files = [open(sys.executable) for _ in range(3)]
for _ in range(2):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
while sum(i * i for i in range(200_000)) and __import__("time").process_time() < 0.2:
    pass
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def agent(name: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "agent-under-test", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert "ready\n" == process.stdout.readline()
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def figures(families: list[Metric], name: str, agent_name: str) -> float | None:
    return value(families, f"dreamos_process{name}", agent=agent_name)


def test_a_process_is_found_by_its_command_line() -> None:
    with agent("Agent-7") as process:
        families = ProcessCollector(PATTERN).collect()
        assert 1 == figures(families, "es", "Agent-7")
        assert 3 == figures(families, "_threads", "Agent-7")
        assert (figures(families, "_cpu_seconds_total", "Agent-7") or 0) >= 0.15
        assert (figures(families, "_resident_memory_bytes", "Agent-7") or 0) > 4_000_000
        started = figures(families, "_start_time_seconds", "Agent-7") or 0
        assert abs(time.time() - started) < 60
        files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        assert files == figures(families, "_open_fds", "Agent-7")


def test_several_processes_of_one_agent_are_added_up() -> None:
    with agent("Agent-7"), agent("Agent-7"), agent("Agent-8"):
        found = values(ProcessCollector(PATTERN).collect(), "dreamos_processes", "agent")
    assert {"Agent-7": 2.0, "Agent-8": 1.0} == found


def test_cpu_time_never_falls_when_a_process_ends() -> None:
    collector = ProcessCollector(PATTERN)
    with agent("Agent-7"):
        before = figures(collector.collect(), "_cpu_seconds_total", "Agent-7") or 0
    families = collector.collect()
    assert 0 == figures(families, "es", "Agent-7")
    assert (figures(families, "_cpu_seconds_total", "Agent-7") or 0) >= before >= 0.15
    with agent("Agent-7"):
        families = collector.collect()
        assert (figures(families, "_cpu_seconds_total", "Agent-7") or 0) >= before + 0.15
        assert 2 == figures(families, "_starts_total", "Agent-7")


def test_a_name_that_cannot_be_a_label_is_refused_and_counted() -> None:
    with agent("a prompt, with blanks"), agent("x" * 65), agent("{evil}"):
        families = ProcessCollector(r"agent-under-test (?P<agent>.+)$").collect()
    assert {} == values(families, "dreamos_processes", "agent")
    assert 3 == value(families, "dreamos_process_refused_total")


def test_a_process_is_found_by_its_pid_file(tmp_path: Path) -> None:
    with agent("whatever") as process:
        (tmp_path / "Agent-3.pid").write_text(f"{process.pid}\n")
        (tmp_path / "broken.pid").write_text("soon")
        (tmp_path / "empty.pid").write_text("")
        families = ProcessCollector(pid_files=f"/no/such/*.pid, {tmp_path}/*.pid").collect()
    assert {"Agent-3": 1.0} == values(families, "dreamos_processes", "agent")


def test_a_pid_file_that_outlived_its_process_names_no_stranger(tmp_path: Path) -> None:
    with agent("whatever") as process:
        file = tmp_path / "Agent-3.pid"
        file.write_text(str(process.pid))
        os.utime(file, (0, time.time() - 3600))
        families = ProcessCollector(pid_files=str(file)).collect()
    assert {} == values(families, "dreamos_processes", "agent")


def test_a_young_process_is_looked_at_again_for_it_may_become_another_program() -> None:
    """A launcher that replaces itself keeps its pid and the time of its start."""
    program = "import sys; print(1, flush=True); sys.stdin.read()"
    script = f"read line; exec {sys.executable} -c '{program}' agent-under-test Agent-9"
    process = subprocess.Popen(
        ["/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    collector = ProcessCollector(r"^\S*python\S* .*agent-under-test (?P<agent>\S+)")
    assert {} == values(collector.collect(), "dreamos_processes", "agent")
    process.stdin.write("go\n")
    process.stdin.flush()
    process.stdout.readline()
    found = values(collector.collect(), "dreamos_processes", "agent")
    process.stdin.close()
    process.wait(60)
    process.stdout.close()
    assert {"Agent-9": 1.0} == found


@linux
def test_psutil_elsewhere_sees_what_proc_shows_here() -> None:
    with agent("Agent-7") as process:
        tables = (LinuxTable(), PortableTable())
        linux_one, other = (
            next(f for f in table.processes() if f.pid == process.pid) for table in tables
        )
        assert linux_one.started == pytest.approx(other.started, abs=1.0)
        ours, theirs = LinuxTable().usage(linux_one), PortableTable().usage(other)
        assert ours is not None
        assert theirs is not None
        assert (ours.threads, ours.files) == (theirs.threads, theirs.files)
        assert ours.cpu == pytest.approx(theirs.cpu, abs=0.1)
        assert ours.memory == pytest.approx(theirs.memory, rel=0.1)
        assert LinuxTable().command(process.pid) == PortableTable().command(process.pid)


@pytest.mark.parametrize("table", [LinuxTable(), PortableTable()])
def test_a_process_that_ended_has_no_command(table: LinuxTable | PortableTable) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert "" == table.command(process.pid)


@pytest.mark.parametrize("pattern", ["(", "agent.py (.*)"])
def test_a_pattern_without_a_group_named_agent_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|named agent"):
        ProcessCollector(pattern)


def test_agents_beyond_the_limit_are_counted_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "MAX_AGENTS", 1)
    with agent("Agent-1"), agent("Agent-2"):
        families = ProcessCollector(PATTERN).collect()
    assert 1 == len(values(families, "dreamos_processes", "agent"))
    assert 1 == value(families, "dreamos_process_refused_total")


def test_an_agent_gone_for_a_day_is_forgotten() -> None:
    collector = ProcessCollector(PATTERN)
    with agent("Agent-7"):
        collector.collect()
    collector._agents["Agent-7"].seen -= processes.REMEMBERED_SECONDS
    assert {} == values(collector.collect(), "dreamos_processes", "agent")


def test_what_a_process_used_is_kept_when_another_takes_its_place() -> None:
    known = Agent()
    first = ProcessUsage(started=1.0, cpu=5.0, memory=0, threads=1, files=None)
    second = ProcessUsage(started=2.0, cpu=1.0, memory=0, threads=1, files=None)
    known.take({(7, 1.0): first}, now=10)
    known.take({(7, 2.0): second}, now=20)
    assert (5.0, 2) == (known.retired, known.starts)
