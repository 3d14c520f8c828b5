"""`examples/agent.py`, as a user starts it, against the real service."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.waiting import ended, eventually

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "examples" / "agent.py"
LINE = re.compile(r"(?m)^([a-z_]+)\{(.*)\} (\S+)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DREAMOS_METRICS")}
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    spool = str(tmp_path / "spool")
    return {**clean, "PYTHONPATH": path, "DREAMOS_METRICS_SPOOL": spool, **more}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tools.start_metrics_server", "--port", str(port),
               "--data-dir", str(tmp_path / "data"), "--log-level", "warning"]  # fmt: skip
    with (tmp_path / "service.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(tmp_path), stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        log_file = tmp_path / "service.log"
        eventually(
            lambda: answers(f"{url}/-/ready"),
            hopeless=lambda: ended(process) and f"{ended(process)}\n{log_file.read_text()}",
        )
        yield url
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def totals(url: str, agent: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    sums: dict[str, float] = {}
    for name, labels, number in LINE.findall(text):
        if f'agent="{agent}"' in labels:
            sums[name] = sums.get(name, 0) + float(number)
    return sums


def run(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *options],
        capture_output=True, text=True, env=environment(tmp_path), timeout=60, check=False,
    )  # fmt: skip


def reported(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_service_shows_exactly_what_the_agent_says_it_did(tmp_path: Path, service: str) -> None:
    report = tmp_path / "report.jsonl"
    done = run(
        tmp_path, "--agent", "Agent-7", "--url", service, "--operations", "300", "--rate", "600",
        "--error-share", "0.3", "--workdir", str(tmp_path / "work"), "--report", str(report),
        "--seed", "5",
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr)
    last = reported(report)[-1]
    assert last["final"]
    counts = dict(last["counts"])
    assert 300 == counts.pop("operations")
    shown = totals(service, "Agent-7")
    assert counts == {name: shown.get(name) for name in counts}
    for kind in ("read", "write", "directory"):
        assert 0 < counts[f"file_ops_{kind}_total"]
        assert 0 < counts[f"file_ops_{kind}_errors_total"]
    assert f"{service}/metrics/file" in done.stdout


def test_a_folder_refuses_for_real_also_when_root_asks(tmp_path: Path, service: str) -> None:
    run(tmp_path, "--url", service, "--operations", "60", "--rate", "600", "--error-share", "1",
        "--seed", "1")  # fmt: skip
    with urllib.request.urlopen(f"{service}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    # Root is refused by the kernel's own file system: for want of permission, or, in a container, because
    # it is mounted read-only.
    refused = "PermissionError" if os.access("/sys", os.W_OK) or os.geteuid() else "OSError"
    for error in ("FileNotFoundError", "NotADirectoryError", refused):
        assert re.search(rf'file_ops_write_errors_total{{.*error_type="{error}"', text), error


def test_sigterm_ends_it_cleanly_and_everything_arrives(tmp_path: Path, service: str) -> None:
    report = tmp_path / "report.jsonl"
    agent = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--url", service, "--rate", "200", "--report", str(report)],
        env=environment(tmp_path), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_lines(report, 5)
    agent.send_signal(signal.SIGTERM)
    output, _ = agent.communicate(timeout=60)
    assert 0 == agent.returncode
    assert "Done:" in output
    counts = reported(report)[-1]["counts"]
    operations = counts.pop("operations")
    shown = totals(service, "Agent-1")
    assert counts == {name: shown.get(name) for name in counts}
    assert operations == sum(v for k, v in counts.items() if re.match(r"file_ops_(?!bytes)", k))
    assert not shown.get("dreamos_agent_tasks_in_progress")


def test_after_kill_9_every_line_of_the_report_is_whole(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    agent = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--url", "http://127.0.0.1:9", "--rate", "500",
         "--report", str(report), "--workdir", str(tmp_path / "work")],
        env=environment(tmp_path), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_lines(report, 10)
    agent.kill()
    agent.wait()
    counts = [
        line["counts"]["operations"] for line in reported(report) if "operations" in line["counts"]
    ]
    assert sorted(counts) == counts
    assert all(later - before <= 26 for before, later in itertools.pairwise(counts))


def test_what_a_killed_agent_did_arrives_with_its_next_run(tmp_path: Path, service: str) -> None:
    reports = [tmp_path / "killed.jsonl", tmp_path / "next.jsonl"]
    options = ["--agent", "Agent-9", "--url", service, "--error-share", "0.3", "--rate", "500"]
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE), *options, "--report", str(reports[0]),
         "--workdir", str(tmp_path / "work")],
        env=environment(tmp_path), stdout=subprocess.DEVNULL,
    ) as agent:  # fmt: skip
        wait_for_lines(reports[0], 12)
        agent.kill()
    done = run(tmp_path, *options, "--operations", "40", "--report", str(reports[1]))
    assert 0 == done.returncode
    did: dict[str, float] = {}
    for report in reports:
        for name, count in reported(report)[-1]["counts"].items():
            did[name] = did.get(name, 0) + count
    tick = 6  # the report is written after each task of five operations, or more often
    bytes_moved = did.pop("file_ops_bytes_total")
    assert did.pop("operations") >= 40 + 40
    shown = totals(service, "Agent-9")
    for name, count in did.items():
        assert count <= shown[name] <= count + tick, name
    assert bytes_moved <= shown["file_ops_bytes_total"] <= bytes_moved + tick * 1000


def wait_for_lines(path: Path, lines: int) -> None:
    eventually(lambda: len(path.read_bytes().splitlines()) >= lines)


def test_without_a_service_it_says_so_and_works_on(tmp_path: Path) -> None:
    done = run(tmp_path, "--url", "http://127.0.0.1:9", "--operations", "20", "--rate", "500")
    assert 0 == done.returncode
    assert "Nothing answers at http://127.0.0.1:9" in done.stdout
    assert "python -m tools.start_metrics_server" in done.stdout
    assert "Done: 20 file operations" in done.stdout


@pytest.mark.parametrize(
    ("option", "wrong"), [("--rate", "0"), ("--error-share", "2"), ("--duration", "long")]
)
def test_a_wrong_option_is_named_with_what_is_right(
    tmp_path: Path, option: str, wrong: str
) -> None:
    done = run(tmp_path, option, wrong)
    assert 2 == done.returncode
    assert option in done.stderr


def test_help_names_every_option(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert 0 == done.returncode
    for option in ("--agent", "--url", "--duration", "--operations", "--rate", "--error-share",
                   "--workdir", "--report", "--seed"):  # fmt: skip
        assert option in done.stdout
