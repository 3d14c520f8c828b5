"""The audit log: what is recorded, what never is, and what happens when the disk refuses."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Metric

from services.metrics.audit import AuditLog
from tests.contract.conftest import Running, ask
from tools.waiting import eventually

BODY = "# TYPE t_total counter\nt_total 1\n"


def nowhere(_families: Iterable[Metric]) -> None:
    """Take the metrics of a log that no service shows."""


def records(service: Running) -> list[dict[str, Any]]:
    """Return what the service has recorded."""
    path = service.folder / "data" / "audit.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def guarded(launch: Callable[..., Running], tmp_path: Path) -> Running:
    for kind in ("push", "read"):
        (tmp_path / kind).write_text(f"{kind}-token-1\n")
    return launch(
        METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"),
        METRICS_READ_TOKEN_FILE=str(tmp_path / "read"),
        METRICS_MAX_AUTH_FAILURES="4",
    )


def test_a_plain_push_and_a_scrape_leave_no_record(launch: Callable[..., Running]) -> None:
    service = launch()
    assert 200 == service.push("j", BODY).status
    assert 200 == service.push("j", BODY, "POST").status
    assert 400 == service.push("j", "what is this\n").status
    assert 200 == ask(service.url + "/").status
    assert 404 == ask(service.url + "/nothing", b"", "POST").status
    assert [] == records(service)


def test_a_deletion_is_recorded_with_time_address_target_and_outcome(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    service.push("j/agent/A", BODY)
    service.push("j/agent/A?secret=1", "", "DELETE")
    [record] = records(service)
    assert record.pop("time").endswith("+00:00")
    assert {
        "action": "delete",
        "actor": "127.0.0.1",
        "target": "DELETE /metrics/job/j/agent/A",
        "outcome": "accepted",
        "reason": "",
    } == record
    assert 1 == service.value("dreamos_audit_records_total", action="delete")
    assert 0o600 == stat.S_IMODE((service.folder / "data" / "audit.jsonl").stat().st_mode)


def test_a_refused_token_is_recorded_without_the_token(guarded: Running) -> None:
    guarded.push("j", BODY, Authorization="Bearer wrong-token-1")
    ask(guarded.url + "/metrics", Authorization="Bearer push-token-1")
    ask(guarded.url + "/metrics/read-token-1", b"", "DELETE", Authorization="Bearer push-token-1")
    ask(guarded.url + "/metrics/job/push-token-1", b"", "DELETE")
    first, second, third, fourth = records(guarded)
    assert ("token_refused", "PUT /metrics/job/j", "refused", "unauthorized: the push token is wrong") == (
        first["action"], first["target"], first["outcome"], first["reason"]
    )  # fmt: skip
    assert ("token_refused", "GET /metrics") == (second["action"], second["target"])
    assert ("delete", "DELETE /metrics/[token]", "refused") == (
        third["action"], third["target"], third["outcome"]
    )  # fmt: skip
    assert ("token_refused", "DELETE /metrics/job/[token]") == (fourth["action"], fourth["target"])
    assert "token-1" not in (guarded.folder / "data" / "audit.jsonl").read_text()


def test_a_guesser_cannot_fill_the_log(guarded: Running) -> None:
    replies = [guarded.push("j", BODY, Authorization=f"Bearer {n}").status for n in range(20)]
    assert [401] * 4 + [429] * 16 == replies
    assert ["unauthorized"] * 4 + ["throttled"] == [
        record["reason"].partition(":")[0] for record in records(guarded)
    ]


def test_rotated_tokens_are_recorded_and_so_is_a_file_that_cannot_be_used(
    guarded: Running, tmp_path: Path
) -> None:
    def reloads() -> list[tuple[str, str, str]]:
        ask(guarded.url + "/metrics", Authorization="Bearer read-token-1")
        found = [record for record in records(guarded) if record["action"] == "reload"]
        return [(record["actor"], record["target"], record["outcome"]) for record in found]

    (tmp_path / "read").write_text("read-token-1\nread-token-2\n")
    eventually(lambda: reloads() == [("service", "read tokens", "accepted")])
    (tmp_path / "read").write_text("\n")
    eventually(lambda: len(reloads()) == 2)
    assert ("service", "read tokens", "failed") == reloads()[1]
    text = (guarded.folder / "data" / "audit.jsonl").read_text()
    assert str(tmp_path) not in text
    assert "token-2" not in text


def test_a_disk_that_refuses_breaks_no_request_and_is_counted(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    (
        service.folder / "data" / "audit.jsonl"
    ).mkdir()  # nobody can append to a folder, not even root
    service.push("j", BODY)
    for _ in range(2):
        service.push("j", BODY)
        assert 202 == service.push("j", "", "DELETE").status
    assert 2 == service.value("dreamos_audit_records_total", action="delete")
    assert 2 == service.value("dreamos_audit_errors_total")
    assert 1 == service.log.count("the audit log cannot be written")
    (service.folder / "data" / "audit.jsonl").rmdir()
    service.push("j", BODY)
    service.push("j", "", "DELETE")
    assert 1 == len(records(service))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB that is full up to its last bytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount the small file system that this test fills")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_no_torn_line(full_disk: Path) -> None:
    log = AuditLog(full_disk, nowhere)
    log.record("delete", "::1", "before", "accepted")
    with (full_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(b"x" * 4096)
            except OSError:
                break
    for _ in range(100):
        log.record("delete", "::1", "t" * 400, "accepted")
    (full_disk / "ballast").unlink()
    log.record("delete", "::1", "after", "accepted")
    lines = [json.loads(line)["target"] for line in log.path.read_text().splitlines()]
    assert "before" == lines[0]
    assert "after" == lines[-1]
    assert len(lines) < 102


def test_the_file_is_rotated_and_only_so_many_are_kept(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, nowhere, max_bytes=1_000, kept=2)
    for number in range(40):
        log.record("admin", "::1", f"request {number}", "accepted")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"] == names
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000
    kept = [
        json.loads(line)["target"]
        for name in reversed(names)
        for line in (tmp_path / name).read_text().splitlines()
    ]
    assert [f"request {number}" for number in range(40 - len(kept), 40)] == kept


def test_records_of_many_threads_are_whole_lines(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, nowhere, max_bytes=20_000, kept=50)

    def write(thread: int) -> None:
        for number in range(100):
            log.record(
                "admin", "::1", f"{thread} {number}\nnew line \u202e {'x' * 600}", "accepted"
            )

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    targets = {json.loads(line)["target"].partition("\n")[0] for line in lines}
    assert {f"{thread} {number}" for thread in range(4) for number in range(100)} == targets
    assert all(line.isascii() and len(json.loads(line)["target"]) <= 501 for line in lines)


def test_probes_that_are_read_again_are_recorded(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    path = tmp_path / "probes.yml"
    probe = "  - {name: %s, kind: file, target: /etc/hostname}\n"
    path.write_text("probes:\n" + probe % "one")
    service = launch(METRICS_PROBES_FILE=str(path), METRICS_COLLECT_INTERVAL="0.2")

    def reloads() -> list[tuple[str, str, str, str]]:
        return [
            (record["actor"], record["target"], record["outcome"], record["reason"])
            for record in records(service)
            if record["action"] == "reload"
        ]

    path.write_text("probes:\n" + probe % "one" + probe % "two")
    eventually(lambda: reloads() == [("service", "probes file", "accepted", "2 probes")])
    path.write_text("probes: nothing of the kind\n")
    eventually(lambda: len(reloads()) == 2)
    assert ("service", "probes file", "failed") == reloads()[1][:3]
    assert str(tmp_path) not in (service.folder / "data" / "audit.jsonl").read_text()
