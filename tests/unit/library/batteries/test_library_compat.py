"""The classes from before answer as they did, and are counted in the registry of today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamos.core.metrics import (
    BaseMetrics,
    BridgeMetrics,
    CommandMetrics,
    FileMetrics,
    LogMetrics,
    compat,
    get_command_stats,
    load_metrics,
    reset_stats,
    save_metrics,
    testing,
    track_command,
)

value = testing.value


class TestBaseMetrics:
    def test_get_metrics_has_the_shape_that_callers_know(self) -> None:
        metrics = BaseMetrics("brain")
        metrics.increment("thoughts", tags={"kind": "new", "area": "code"})
        metrics.increment("thoughts", 2, {"area": "code", "kind": "new"})
        metrics.increment("plain")
        metrics.gauge("depth", 3)
        for seconds in (1, 3):
            metrics.histogram("seconds", seconds)
        got = metrics.get_metrics()
        assert 0 <= got.pop("uptime") < 60
        assert {
            "name": "brain",
            "counters": {"thoughts{area=code,kind=new}": 3, "plain": 1},
            "gauges": {"depth": 3},
            "histograms": {"seconds": {"count": 2, "sum": 4, "min": 1, "max": 3, "avg": 2}},
        } == got

    def test_the_dictionaries_that_old_tests_look_into_are_there(self) -> None:
        metrics = BaseMetrics("brain")
        metrics.increment("a")
        metrics.gauge("b", 1)
        metrics.histogram("c", 1)
        assert 1 == metrics._counters["a"]
        assert 1 == metrics._gauges["b"]
        metrics.histogram("c", 2.5)
        assert [1, 2.5] == metrics._histograms["c"]

    def test_everything_is_exported_with_its_tags_as_labels(self) -> None:
        metrics = BaseMetrics("brain")
        metrics.increment("ideas", 2, {"area": "code"})
        metrics.gauge("depth.now", 3)
        metrics.histogram("seconds", 0.5)
        assert 2 == value("dreamos_brain_ideas_total", area="code")
        assert 3 == value("dreamos_brain_depth_now")
        assert 0.5 == value("dreamos_brain_seconds_sum")

    def test_a_path_is_bounded_and_reserved_tags_are_renamed(self) -> None:
        metrics = BaseMetrics("brain")
        metrics.increment("reads", tags={"path": "/home/alice/hunter2/a.json", "agent": "A"})
        assert 1 == value("dreamos_brain_reads_total", path="*.json", tag_agent="A")

    def test_other_tags_under_a_known_name_break_nothing(self) -> None:
        metrics = BaseMetrics("brain")
        metrics.increment("mixed", tags={"a": 1})
        metrics.increment("mixed", tags={"b": 1})
        assert {"mixed{a=1}": 1, "mixed{b=1}": 1} == metrics.get_metrics()["counters"]
        assert {"compat_export": 1} == testing.errors()

    def test_reset_forgets_here_but_what_was_exported_stays(self) -> None:
        metrics = BaseMetrics("brain")
        metrics.increment("kept")
        metrics.reset()
        assert {} == metrics.get_metrics()["counters"]
        assert 1 == value("dreamos_brain_kept_total")

    @given(
        name=st.text(),
        odd=st.one_of(st.none(), st.text(), st.floats(), st.booleans(), st.integers()),
        tags=st.one_of(st.none(), st.dictionaries(st.text(), st.text())),
    )
    def test_no_call_ever_raises(self, name: str, odd: Any, tags: dict[str, str] | None) -> None:
        metrics = BaseMetrics("odd")
        metrics.increment(name, odd, tags)
        metrics.gauge(name, odd, tags)
        metrics.histogram(name, odd, tags)
        metrics.get_metrics()

    def test_a_histogram_keeps_the_last_values_and_the_summary_of_all(self) -> None:
        metrics = BaseMetrics("many")
        for number in range(1500):
            metrics.histogram("sizes", number)
        assert list(range(500, 1500)) == metrics._histograms["sizes"]
        summary = metrics.get_metrics()["histograms"]["sizes"]
        assert {"count": 1500, "sum": 1124250, "min": 0, "max": 1499, "avg": 749.5} == summary

    def test_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dreamos_metrics.compat.base.MAX_KEYS", 5)
        metrics = BaseMetrics("many")
        for number in range(20):
            metrics.increment("seen", tags={"path": number})
        assert 6 == len(metrics._counters)
        assert 15 == metrics._counters["seen{(other)}"]

    def test_threads_lose_nothing(self) -> None:
        metrics = BaseMetrics("threads")

        def count() -> None:
            for _ in range(2000):
                metrics.increment("steps")

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 8000 == metrics._counters["steps"]
        assert 8000 == value("dreamos_threads_steps_total")

    def test_a_child_forked_while_the_lock_is_held_can_still_count(self) -> None:
        metrics = BaseMetrics("forked")
        with metrics._lock:
            child = os.fork()
            if child == 0:
                counting = threading.Thread(target=metrics.increment, args=("n",), daemon=True)
                counting.start()
                counting.join(60)
                os._exit(0 if metrics._counters.get("n") == 1 else 1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class TestJSONFile:
    def test_it_is_written_at_the_end_and_not_on_every_call(self, tmp_path: Path) -> None:
        code = (
            "import os, sys\n"
            "from dreamos.core.metrics import LogMetrics\n"
            "metrics = LogMetrics(sys.argv[1])\n"
            "for _ in range(100): metrics.record_log('INFO', 'discord')\n"
            "print(os.listdir(sys.argv[1]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert "[]\n" == done.stdout
        content = json.loads((tmp_path / "log_metrics_metrics.json").read_text())
        key = "log_entries{level=info,platform=discord,status=success}"
        assert 100 == content["counters"][key]

    def test_save_writes_it_at_once(self, tmp_path: Path) -> None:
        metrics = BaseMetrics("brain", tmp_path / "new")
        metrics.increment("a")
        metrics.save()
        content = json.loads((tmp_path / "new" / "brain_metrics.json").read_text())
        assert {"a": 1} == content["counters"]

    def test_without_a_folder_nothing_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        metrics = BaseMetrics("brain")
        metrics.increment("a")
        metrics.save()
        assert [] == list(tmp_path.iterdir())

    def test_a_configuration_in_place_of_a_folder_is_counted_not_raised(self) -> None:
        LogMetrics({"log_dir": "logs"}).record_log("INFO", "discord")
        assert {"compat_folder": 1} == testing.errors()

    def test_a_folder_that_cannot_be_made_is_counted_not_raised(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        BaseMetrics("brain", tmp_path / "file" / "below").save()
        assert {"compat_file": 1} == testing.errors()


class TestFileMetrics:
    def test_calls_become_the_metrics_of_the_seed(self, tmp_path: Path) -> None:
        metrics = FileMetrics()
        path = tmp_path / "a.json"
        metrics.record_read(path, 10)
        metrics.record_write(str(path), 20, encoding="latin-1")
        metrics.record_error(path, "read", "hunter2 was refused")
        metrics.record_error(path, "write", PermissionError("hunter2"))
        metrics.record_directory_operation(tmp_path, "create")
        assert 1 == value("file_ops_read_total", path="*.json", operation="read")
        assert 1 == value("file_ops_write_total", path="*.json", operation="write")
        assert 1 == value("file_ops_read_errors_total", error_type="unknown")
        assert 1 == value("file_ops_write_errors_total", error_type="PermissionError")
        assert 1 == value("file_ops_directory_total", operation="create")
        assert 20 == value("file_size_bytes", path="*.json")

    def test_get_metrics_keeps_the_keys_that_callers_know(self, tmp_path: Path) -> None:
        metrics = FileMetrics()
        path = tmp_path / "a.json"
        metrics.record_read(path, 10)
        metrics.record_error(path, "read", "text")
        counters = metrics.get_metrics()["counters"]
        assert {
            f"file_reads{{encoding=utf-8,path={path}}}": 1,
            f"file_errors{{operation=read,path={path}}}": 1,
        } == counters
        assert [10] == metrics._histograms["file_read_bytes"]
        assert "file_metrics" == metrics.get_metrics()["name"]

    def test_odd_arguments_never_raise(self) -> None:
        metrics = FileMetrics()
        metrics.record_read(None, "many")  # type: ignore[arg-type]
        metrics.record_write(b"\xff", -1)
        metrics.record_error(object(), None, None)  # type: ignore[arg-type]
        metrics.record_directory_operation(3, 4)  # type: ignore[arg-type]
        assert 1 == value("file_ops_read_total", path="(unknown)")


class TestLogAndBridgeMetrics:
    def test_log_metrics_count_and_remember_the_last_error(self) -> None:
        metrics = LogMetrics()
        metrics.record_log("INFO", "discord")
        metrics.record_log("INFO", "discord", status="failed")
        metrics.record_error("hunter2")
        metrics.record_rotation()
        got = metrics.get_metrics()
        assert "hunter2" == got["last_error_message"]
        assert metrics.last_error is not None
        assert metrics.last_error.isoformat() == got["last_error"] <= got["last_rotation"]
        assert 1 == value("dreamos_log_entries_total", level="info", status="failed")
        assert 1 == value("dreamos_log_errors_total")
        assert 1 == value("dreamos_log_rotations_total")
        assert LogMetrics().get_metrics()["last_error"] is None

    def test_bridge_metrics_count_requests_successes_and_errors(self) -> None:
        metrics = BridgeMetrics()
        metrics.record_request("chatgpt", "send")
        metrics.record_success("chatgpt", "send", 9.2)
        metrics.record_error("chatgpt", "send", "hunter2")
        assert 1 == value("dreamos_bridge_requests_total", bridge="chatgpt", operation="send")
        assert 1 == value("dreamos_bridge_successes_total", bridge="chatgpt")
        assert 1 == value("dreamos_bridge_errors_total", bridge="chatgpt")
        assert 9.2 == value("dreamos_bridge_duration_seconds_sum", operation="send")
        got = metrics.get_metrics()
        assert got["last_request"] <= got["last_error"]
        assert [9.2] == metrics._histograms["bridge_duration{bridge=chatgpt,operation=send}"]


class TestCommandMetrics:
    def test_commands_are_counted_saved_and_loaded(self, tmp_path: Path) -> None:
        metrics = CommandMetrics(tmp_path)
        metrics.track_command("resume")
        metrics.track_command("resume")
        metrics.save_metrics()
        (tmp_path / "command_metrics_20250601.json").write_text('{"command_counts": {"old": 1}}')
        file = tmp_path / f"command_metrics_{datetime.now():%Y%m%d}.json"
        assert {"resume": 2} == json.loads(file.read_text())["command_counts"]
        again = CommandMetrics(str(tmp_path))
        again.load_metrics()
        assert {"resume": 2} == again.get_command_stats() == again.command_counts
        assert metrics.last_reset == again.last_reset
        again.reset_stats()
        assert {} == again.get_command_stats()
        assert 2 == value("dreamos_commands_total", command="resume")

    def test_a_damaged_file_is_counted_not_raised(self, tmp_path: Path) -> None:
        file = tmp_path / f"command_metrics_{datetime.now():%Y%m%d}.json"
        file.write_text('{"command_counts": {"a": 1')
        metrics = CommandMetrics(tmp_path)
        metrics.track_command("kept")
        metrics.load_metrics()
        assert {"kept": 1} == metrics.get_command_stats()
        assert {"compat_file": 1} == testing.errors()

    def test_the_module_functions_share_one_count(self, tmp_path: Path) -> None:
        reset_stats()
        track_command("status")
        assert {"status": 1} == get_command_stats()
        save_metrics(tmp_path / "a.json", {"status": 3})
        save_metrics(tmp_path / "b.json", {"status": 4})
        (tmp_path / "c.json").write_text("[]")
        files = [tmp_path / f"{name}.json" for name in "abcd"]
        assert {"status": 4} == load_metrics(files[:2])
        assert [{}, {}, {}] == [load_metrics(files[:3]), load_metrics(files), load_metrics([])]
        reset_stats()
        assert {} == get_command_stats()


def test_every_old_name_comes_from_the_front_door() -> None:
    import dreamos.core.metrics as metrics

    assert [] == [name for name in compat.__all__ if name not in metrics.__all__]
    assert all(getattr(metrics, name) is getattr(compat, name) for name in compat.__all__)
