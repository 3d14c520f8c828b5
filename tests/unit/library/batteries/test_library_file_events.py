"""The file tools tell the log what they did, in the words of the seed, and count once."""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dreamos.core.metrics import files, logs, testing

value = testing.value
STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, dict[str, object]]]]:
    caplog.set_level(logging.INFO, logger="dreamos.files")

    def extras() -> list[tuple[str, dict[str, object]]]:
        return [
            (record.msg, {k: v for k, v in vars(record).items() if k not in STANDARD})
            for record in caplog.records
        ]

    return extras


def test_success_and_failure_carry_exactly_the_documented_fields(
    tmp_path: Path,
    events: Callable[[], list[tuple[str, dict[str, object]]]],
) -> None:
    path = tmp_path / "a.txt"
    where = {"path": str(path)}
    files.write_text(path, "abc")
    files.read_text(path)
    files.create_directory(tmp_path / "d")
    files.clear_directory(tmp_path / "d")
    files.delete(path)
    with pytest.raises(FileNotFoundError) as read:
        files.read_text(path)
    (tmp_path / "f").touch()
    with pytest.raises(NotADirectoryError):
        files.write_text(tmp_path / "f" / "x", "")
    got = events()
    assert [
        ("file_write", {**where, "bytes": 3, "encoding": "utf-8"}),
        ("file_read", {**where, "bytes": 3, "encoding": "utf-8"}),
        ("directory_created", {"path": str(tmp_path / "d")}),
        ("directory_cleared", {"path": str(tmp_path / "d")}),
        ("file_deleted", where),
        ("file_read_error", {**where, "error": str(read.value)}),
    ] == got[:-1]
    assert ("file_write_error", {"path", "error"}) == (got[-1][0], set(got[-1][1]))


def test_a_record_names_the_line_of_the_agent_that_called(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="dreamos.files")
    files.write_text(tmp_path / "a", "x")
    files.delete(tmp_path / "a")
    with pytest.raises(OSError, match="No such file"):
        files.read_text(tmp_path / "a")
    with pytest.raises(OSError, match="No such file"):
        files.delete(tmp_path / "a")
    name = "test_a_record_names_the_line_of_the_agent_that_called"
    assert [name] * 4 == [record.funcName for record in caplog.records]


def test_with_the_handler_on_the_logger_an_operation_still_counts_once(tmp_path: Path) -> None:
    logger = logging.getLogger("dreamos.files")
    logs.install(logger, level=logging.INFO)
    try:
        files.write_text(tmp_path / "a.txt", "x")
        files.archive(tmp_path / "a.txt", tmp_path / "old")
        with pytest.raises(OSError, match="No such file"):
            files.read_text(tmp_path / "a.txt")
    finally:
        logs.uninstall(logger)
        logger.setLevel(logging.NOTSET)
    assert 2 == value("file_ops_write_total")
    assert 1 == value("file_ops_read_errors_total")
    assert 1 == value("dreamos_log_records_total", level="ERROR", logger="dreamos.files")


def test_also_when_a_queue_carries_the_record_to_another_thread(tmp_path: Path) -> None:
    logger = logging.getLogger("dreamos.files")
    line: queue.Queue[logging.LogRecord] = queue.Queue()
    sender = logging.handlers.QueueHandler(line)
    listener = logging.handlers.QueueListener(line, logs.MetricsHandler())
    logger.addHandler(sender)
    logger.setLevel(logging.INFO)
    listener.start()
    try:
        files.write_text(tmp_path / "a.txt", "x")
        logger.info("file_write", extra={"path": "elsewhere.txt", "bytes": 5})
    finally:
        listener.stop()
        logger.removeHandler(sender)
        logger.setLevel(logging.NOTSET)
    assert 2 == value("file_ops_write_total", path="*.txt")


def test_without_any_logging_set_up_nothing_is_printed(tmp_path: Path) -> None:
    code = (
        "from dreamos.core.metrics import files\n"
        "try: files.read_text('missing')\n"
        "except FileNotFoundError: print('caught')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ("caught\n", "") == (done.stdout, done.stderr)


def test_a_filter_that_raises_does_not_break_the_write(tmp_path: Path) -> None:
    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("no")

    logger = logging.getLogger("dreamos.files")
    logger.addFilter(broken)
    logger.setLevel(logging.INFO)
    try:
        assert 1 == files.write_text(tmp_path / "a", "x")
    finally:
        logger.removeFilter(broken)
        logger.setLevel(logging.NOTSET)
    assert {"file_log": 1} == testing.errors()


def test_read_bytes_and_write_bytes_are_binary(
    tmp_path: Path, events: Callable[[], list[tuple[str, dict[str, object]]]]
) -> None:
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"\x00\xff")
    assert b"\x00\xff" == files.read_bytes(path)
    assert ["binary", "binary"] == [extra["encoding"] for _, extra in events()]
