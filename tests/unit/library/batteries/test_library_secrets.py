"""What nobody meant to show does not show: not in a label, not in anything that is pushed."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamos.core.metrics import (
    BaseMetrics,
    BridgeMetrics,
    FileMetrics,
    LogMetrics,
    MetricsHandler,
    api_call,
    current_agent,
    files,
    instrument_flask,
    testing,
)
from dreamos_metrics.push.snapshot import SnapshotCollector

SECRETS = st.text("abcdefghjkmnpqrstuvwxyzABCDEFGH23456789-_", min_size=10, max_size=30).map(
    lambda text: f"sk{text}"
)


def pushed() -> str:
    return SnapshotCollector().collect().text().decode()


def work_on_files(secret: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / secret
        files.create_directory(root)
        files.atomic_write(root / f"{secret}.json", secret)
        files.append(root / f"notes.{secret}", secret)
        files.archive(root / f"notes.{secret}", root / f"{secret}-archive")
        for error in (files.read_text, files.delete):
            with contextlib.suppress(OSError):
                error(root / f"missing-{secret}")
        files.clear_directory(root)


def log_it(secret: str) -> None:
    handler = MetricsHandler()
    for event in ("file_write", "file_read_error", "directory_clear_error", "file_archive_error"):
        fields: dict[str, Any] = {
            "path": f"/home/{secret}/x.{secret}", "source": f"{secret}/y", "dest": secret,
            "error": f"could not log in as {secret}", "error_type": secret, "encoding": secret,
            "mode": secret, "bytes": secret, "prompt": secret,
        }  # fmt: skip
        handler.handle(logging.makeLogRecord({"msg": event, "levelno": logging.ERROR, **fields}))
    handler.handle(logging.makeLogRecord({"msg": f"token {secret}", "levelno": logging.CRITICAL}))


def act(secret: str) -> None:
    agent = current_agent()
    for block in (agent.task("ask"), agent.operation("ask", deadline=1), api_call("model")):
        with contextlib.suppress(RuntimeError), block:
            raise RuntimeError(f"refused: {secret}")
    agent.error(RuntimeError(secret))
    agent.error(f"the model said: {secret}")


def use_old_classes(secret: str) -> None:
    FileMetrics().record_write(f"/data/{secret}", 3)
    FileMetrics().record_error(f"/data/{secret}.md", "write", f"refused {secret}")
    LogMetrics().record_error(f"message {secret}")
    BridgeMetrics().record_error("chatgpt", "send", f"prompt {secret}")
    BaseMetrics("secrets").increment("seen", tags={"path": secret})


@settings(max_examples=25, deadline=None)
@given(secret=SECRETS)
def test_a_secret_in_a_path_a_message_or_a_prompt_never_becomes_a_label(secret: str) -> None:
    for deed in (work_on_files, log_it, act, use_old_classes):
        deed(secret)
    text = pushed()
    assert "file_ops_write_total" in text
    assert "dreamos_agent_tasks_failed_total" in text
    assert secret not in text


@settings(max_examples=10, deadline=None)
@given(secret=SECRETS)
def test_a_secret_in_the_path_of_a_request_never_becomes_a_label(secret: str) -> None:
    app = Flask(__name__)
    app.get("/users/<name>")(lambda name: name)
    instrument_flask(app)
    client = app.test_client()
    for path in (f"/users/{secret}", f"/{secret}", f"/users/x?token={secret}"):
        client.get(path, buffered=True)
    assert 2 == testing.value("dreamos_http_request_duration_seconds_count", route="/users/<name>")
    assert secret not in pushed()
    with testing.fresh():
        pass


def test_what_the_user_puts_there_is_shown(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "x", label="hunter2.txt")
    with current_agent().task("hunter2"):
        pass
    assert 'path="hunter2.txt"' in pushed()
    assert 'task="hunter2"' in pushed()


def test_the_library_logs_no_value_that_it_was_given(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="dreamos.metrics")
    for deed in (log_it, act, use_old_classes):
        deed("hunter2-hunter2")
    assert "hunter2" not in caplog.text
