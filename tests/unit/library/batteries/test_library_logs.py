"""Log records become metrics, whatever is in them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamos.core.metrics import JSONFormatter, MetricsHandler, logs, testing
from dreamos_metrics.instrumentation.log_events import RULES, WATCHER_EVENTS

value = testing.value


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("dreamos.core.utils.safe_io")
    logger.setLevel(logging.INFO)
    handler = MetricsHandler()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class TestFileEvents:
    def test_the_events_of_the_seed_become_its_metrics(self, logger: logging.Logger) -> None:
        fields = {"path": "/srv/a.json", "bytes": 12, "encoding": "utf-8"}
        logger.info("file_write", extra=fields)
        logger.info("file_read", extra=fields)
        logger.error("file_write_error", extra={"path": "a.json", "error": "disk full"})
        logger.error("file_read_error", extra={"path": "a.json", "error": "gone"})
        logger.info("directory_created", extra={"path": "/srv/d"})
        logger.info("directory_cleared", extra={"path": "/srv/d"})
        assert 1 == value("file_ops_write_total", path="*.json", operation="write")
        assert 1 == value("file_ops_read_total", path="*.json", operation="read")
        assert 12 == value("file_ops_bytes_total", operation="read")
        assert 12 == value("file_size_bytes", path="*.json")
        assert 1 == value("file_ops_write_errors_total", path="*.json", operation="write")
        assert 1 == value("file_ops_read_errors_total", path="*.json", operation="read")
        assert 1 == value(
            "file_ops_directory_total", path="(directory)", operation="create_directory"
        )
        assert 1 == value(
            "file_ops_directory_total", path="(directory)", operation="clear_directory"
        )

    @pytest.mark.parametrize(
        ("event", "metric", "operation"),
        [
            ("directory_create_error", "file_ops_directory_errors_total", "create_directory"),
            (
                "directory_create_permission_error",
                "file_ops_directory_errors_total",
                "create_directory",
            ),
            ("directory_clear_error", "file_ops_directory_errors_total", "clear_directory"),
            ("file_archived", "file_ops_write_total", "archive"),
            ("file_archive_error", "file_ops_write_errors_total", "archive"),
            ("file_backed_up", "file_ops_write_total", "backup"),
            ("file_processed", "file_ops_read_total", "process"),
            ("file_backup_error", "file_ops_write_errors_total", "backup"),
            ("file_handle_error", "file_ops_write_errors_total", "open"),
            ("file_processing_error", "file_ops_read_errors_total", "process"),
            ("file_delete_error", "file_ops_write_errors_total", "delete"),
            ("temp_cleanup_failed", "file_ops_write_errors_total", "cleanup"),
        ],
    )
    def test_the_events_that_the_seed_leaves_out_count_too(
        self, logger: logging.Logger, event: str, metric: str, operation: str
    ) -> None:
        logger.warning(event, extra={"path": "a.txt", "source": "a.txt", "dest": "b.txt"})
        assert 1 == value(metric, operation=operation)

    def test_a_watchers_events_are_not_operations_of_this_agent(
        self, logger: logging.Logger
    ) -> None:
        for event in ("file_created", "file_modified", "file_modified", "file_deleted"):
            logger.info(event, extra={"path": "inbox/a.md", "pattern": "*.md"})
        assert 2 == value("dreamos_file_events_total", event="file_modified")
        assert 4 == value("dreamos_file_events_total")
        assert 0 == value("file_ops_write_total")

    def test_a_failed_open_for_reading_is_a_read_error(self, logger: logging.Logger) -> None:
        logger.error("file_handle_error", extra={"path": "a", "mode": "rb"})
        logger.error("file_handle_error", extra={"path": "a", "mode": "w"})
        assert 1 == value("file_ops_read_errors_total", operation="open")
        assert 1 == value("file_ops_write_errors_total", operation="open")

    def test_a_duration_is_taken_when_somebody_logs_one(self, logger: logging.Logger) -> None:
        logger.info("file_write", extra={"path": "a.txt", "bytes": 1, "duration": 0.25})
        assert 0.25 == value("file_operation_duration_seconds_sum", operation="write")

    def test_a_sentence_that_mentions_an_event_is_none(self, logger: logging.Logger) -> None:
        logger.info("file_write done", extra={"path": "a.txt"})
        logger.info("%s", "file_write", extra={"path": "a.txt"})
        assert 0 == value("file_ops_write_total")


class TestErrorTypes:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"error": PermissionError(13, "denied")}, "PermissionError"),
            ({"error": "[Errno 2] No such file or directory: '/home/a/b'"}, "FileNotFoundError"),
            ({"error": "[Errno 28] No space left on device"}, "OSError"),
            ({"error": "token hunter2 was refused"}, "unknown"),
            ({"error": "no", "error_type": "json.JSONDecodeError"}, "JSONDecodeError"),
            ({"error": "no", "error_type": "hunter2"}, "unknown"),
            ({"error": None}, "unknown"),
            ({}, "unknown"),
        ],
    )
    def test_the_class_of_an_error_is_found_and_never_its_text(
        self, logger: logging.Logger, fields: dict[str, object], expected: str
    ) -> None:
        logger.error("file_read_error", extra={"path": "a.txt", **fields})
        assert 1 == value("file_ops_read_errors_total", error_type=expected)

    def test_the_exception_logged_with_a_record_counts(self, logger: logging.Logger) -> None:
        try:
            Path("/missing/a").read_bytes()
        except OSError:
            logger.exception("file_read_error", extra={"path": "a", "error": "text"})
        assert 1 == value("file_ops_read_errors_total", error_type="FileNotFoundError")

    def test_a_permission_event_needs_no_error_field(self, logger: logging.Logger) -> None:
        logger.error("directory_create_permission_error", extra={"path": "a"})
        assert 1 == value("file_ops_directory_errors_total", error_type="PermissionError")


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
    st.lists(st.integers()), st.dictionaries(st.text(), st.text()), st.builds(object),
)  # fmt: skip


class TestOddRecords:
    @given(
        event=st.sampled_from([*RULES, *WATCHER_EVENTS]),
        fields=st.dictionaries(
            st.sampled_from(["path", "bytes", "encoding", "error", "error_type", "source", "mode",
                             "duration"]), ODD),
    )  # fmt: skip
    def test_missing_and_odd_fields_never_raise_and_the_event_counts(
        self, event: str, fields: dict[str, object]
    ) -> None:
        rule = RULES.get(event)
        name = "dreamos_file_events_total"
        if rule is not None:
            name = f"file_ops_{rule.kind}{'_errors' if rule.failed else ''}_total"
        if event == "file_handle_error" and str(fields.get("mode", "")).startswith("r"):
            name = "file_ops_read_errors_total"
        record = logging.makeLogRecord({"msg": event, "levelno": logging.INFO, **fields})
        with testing.delta(name) as counted:
            MetricsHandler().handle(record)
        assert 1 == counted.value

    @pytest.mark.parametrize("size", [-1, True, float("nan"), "many", [3], 10**400])
    def test_bytes_that_are_no_count_are_left_out_and_said(
        self, logger: logging.Logger, size: object
    ) -> None:
        logger.info("file_write", extra={"path": "a.txt", "bytes": size})
        assert 1 == value("file_ops_write_total")
        assert 0 == value("file_ops_bytes_total")
        assert {"log_event_field": 1} == testing.errors()

    def test_no_bytes_at_all_is_nothing_odd(self, logger: logging.Logger) -> None:
        logger.info("file_write", extra={"path": "a.txt", "bytes": None, "encoding": None})
        assert 1 == value("file_ops_write_total")
        assert {} == testing.errors()

    def test_a_message_that_is_no_text_is_no_event(self, logger: logging.Logger) -> None:
        logger.info({"event": "file_write"})
        logger.warning(None)
        assert 0 == value("file_ops_write_total")
        assert 1 == value("dreamos_log_records_total", level="WARNING")


class TestLogRecords:
    def test_records_count_by_logger_and_level_from_warning_up(self) -> None:
        logs.install()
        try:
            for level in (logging.INFO, logging.WARNING, 35, logging.ERROR, logging.CRITICAL, 99):
                logging.getLogger("dreamos.agent").log(level, "text %s", "x")
        finally:
            logs.uninstall()
        counts = {
            level: value("dreamos_log_records_total", logger="dreamos.agent", level=level)
            for level in ("WARNING", "ERROR", "CRITICAL")
        }
        assert {"WARNING": 2, "ERROR": 1, "CRITICAL": 2} == counts
        assert 5 == value("dreamos_log_records_total")

    def test_a_record_that_is_offered_twice_counts_once(self, logger: logging.Logger) -> None:
        logs.install("dreamos")
        try:
            logger.error("file_read_error", extra={"path": "a"})
        finally:
            logs.uninstall("dreamos")
        assert 1 == value("file_ops_read_errors_total")
        assert 1 == value("dreamos_log_records_total", level="ERROR")

    def test_installing_twice_is_installing_once(self) -> None:
        target = logging.getLogger("dreamos.twice")
        assert logs.install(target) is logs.install("dreamos.twice", level=logging.INFO)
        assert [] == target.handlers
        assert logging.INFO == target.level
        logs.uninstall(target)

    def test_names_of_loggers_are_bounded(self, logger: logging.Logger) -> None:
        handler = MetricsHandler()
        for number in range(150):
            record = logging.makeLogRecord({"name": f"session.{number}", "levelno": 40})
            handler.handle(record)
        assert 50 == value("dreamos_log_records_total", logger="(other)")
        assert 50 == value("dreamos_client_folded_labels_total", label="logger")


class TestJSONFormatter:
    @staticmethod
    def format(**fields: object) -> dict[str, object]:
        record = logging.makeLogRecord({"name": "dreamos", "levelname": "INFO", **fields})
        line = JSONFormatter().format(record)
        assert "\n" not in line
        assert line.isascii()
        parsed: dict[str, object] = json.loads(line, parse_constant=lambda name: pytest.fail(name))
        return parsed

    def test_a_line_has_what_the_record_says_and_every_extra_field(self) -> None:
        created = datetime(2026, 11, 23, 22, 5, 1, 250_000, timezone.utc).timestamp()
        line = self.format(msg="file_write", created=created, path="ä.txt", bytes=3)
        assert {
            "timestamp": "2026-11-23T22:05:01.250Z",
            "level": "INFO",
            "logger": "dreamos",
            "message": "file_write",
            "path": "ä.txt",
            "bytes": 3,
        } == line

    def test_a_field_that_collides_is_kept_under_another_name(self) -> None:
        line = self.format(msg="m", timestamp="noon", level=3, logger="mine")
        assert ("noon", 3, "mine") == (
            line["extra.timestamp"], line["extra.level"], line["extra.logger"],
        )  # fmt: skip
        assert "INFO" == line["level"]

    def test_values_that_json_does_not_know_become_their_text(self) -> None:
        class Rude:
            def __str__(self) -> str:
                raise RuntimeError

        circle: list[object] = []
        circle.append(circle)
        line = self.format(
            msg="m", path=Path("a/b"), when={1, 2}, ratio=float("nan"), circle=circle,
            keys={(1, 2): 3}, rude=Rude(), half="\ud800", good=1,
        )  # fmt: skip
        assert ("a/b", "{1, 2}", "nan", "[[...]]", "{(1, 2): 3}", "<Rude>", "\ud800", 1) == tuple(
            line[key] for key in ("path", "when", "ratio", "circle", "keys", "rude", "half", "good")
        )

    def test_arguments_are_filled_in_and_wrong_ones_keep_the_line(self) -> None:
        assert "3 of 4" == self.format(msg="%d of %d", args=(3, 4))["message"]
        assert "%d of ('x',)" == self.format(msg="%d of", args=("x",))["message"]

    def test_an_exception_and_a_stack_are_kept(self) -> None:
        try:
            int("broken")
        except ValueError:
            line = self.format(msg="m", exc_info=sys.exc_info(), stack_info="Stack (most recent)")
        assert "ValueError: invalid literal" in str(line["exception"])
        assert "Stack (most recent)" == line["stack"]

    @given(fields=st.dictionaries(st.text(min_size=1), ODD))
    def test_whatever_the_fields_the_line_is_json(self, fields: dict[str, object]) -> None:
        reserved = set(vars(logging.makeLogRecord({})))
        clean = {key: value for key, value in fields.items() if key not in reserved}
        line = self.format(msg="m", **clean)
        assert "m" == line["message"]

    def test_the_handlers_own_mark_does_not_show(self) -> None:
        record = logging.makeLogRecord({"msg": "m", "levelno": 40})
        MetricsHandler().handle(record)
        assert "seen" not in JSONFormatter().format(record)
