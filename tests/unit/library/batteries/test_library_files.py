"""The file tools do the work and count it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamos.core.metrics import files, testing
from dreamos_metrics.push.snapshot import SnapshotCollector

value = testing.value


class TestWhatIsWritten:
    @settings(max_examples=30, deadline=None)
    @given(text=st.text())
    def test_text_comes_back_as_it_was_with_all_its_line_ends(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.txt"
            text = text.encode("utf-8", "ignore").decode()
            files.write_text(path, text)
            assert text == files.read_text(path)
            files.atomic_write(path, text)
            assert text == files.read_text(path)

    def test_bytes_are_those_on_the_disk_not_characters(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        assert 6 == files.write_text(path, "äöü")
        assert 8 == files.write_text(path, "äöü", encoding="utf-16")
        assert 8 == path.stat().st_size
        assert 14 == value("file_ops_bytes_total", operation="write")
        assert 8 == value("file_size_bytes", path="*.txt")

    def test_append_adds_and_the_size_is_that_of_the_whole_file(self, tmp_path: Path) -> None:
        path = tmp_path / "log.md"
        files.append(path, "one\n")
        assert 4 == files.append(path, b"two\n")
        assert "one\ntwo\n" == path.read_text()
        assert 8 == value("file_size_bytes", path="*.md")
        assert 8 == value("file_ops_bytes_total", operation="append")

    def test_create_leaves_a_file_that_is_there_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        files.create(path, "{}")
        with pytest.raises(FileExistsError):
            files.create(path, "[]")
        assert "{}" == path.read_text()
        assert 1 == value("file_ops_write_total", operation="create")
        assert 1 == value("file_ops_write_errors_total", error_type="FileExistsError")

    def test_a_new_file_that_cannot_be_written_whole_is_not_left_behind(
        self, tmp_path: Path
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                files.create(tmp_path / "big", b"x" * 2000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        assert [] == list(tmp_path.iterdir())
        assert 1 == value("file_ops_write_errors_total", operation="create")

    @settings(max_examples=30, deadline=None)
    @given(name=st.binary(min_size=1, max_size=40))
    def test_any_name_that_the_system_takes_is_taken(self, name: bytes) -> None:
        name = b"n" + name.replace(b"/", b"").replace(b"\0", b"")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / os.fsdecode(name)
            assert 1 == files.atomic_write(path, "x", label=os.fsdecode(name))
            assert "x" == files.read_text(path)
        text = SnapshotCollector().collect().text().decode("utf-8")
        assert "# EOF" == text.splitlines()[-1]

    def test_threads_lose_no_count(self, tmp_path: Path) -> None:
        def work(number: int) -> None:
            for _ in range(200):
                files.append(tmp_path / "shared.log", "12345678\n")
                with contextlib.suppress(FileNotFoundError):
                    files.read_bytes(tmp_path / "missing")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert 800 == value("file_ops_write_total", path="*.log", operation="append")
        assert 800 == value("file_ops_read_errors_total")
        assert 7200 == value("file_ops_bytes_total") == (tmp_path / "shared.log").stat().st_size


class TestAtomicWrite:
    def test_a_new_file_gets_the_rights_that_any_new_file_gets(self, tmp_path: Path) -> None:
        (tmp_path / "plain").touch()
        files.atomic_write(tmp_path / "atomic", "x")
        assert (tmp_path / "plain").stat().st_mode == (tmp_path / "atomic").stat().st_mode

    def test_an_existing_file_keeps_its_rights(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.touch(0o640)
        path.chmod(0o640)
        files.atomic_write(path, "x")
        assert 0o640 == stat.S_IMODE(path.stat().st_mode)

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").write_text("old")
        (tmp_path / "link").symlink_to("real")
        files.atomic_write(tmp_path / "link", "new")
        assert (tmp_path / "link").is_symlink()
        assert "new" == (tmp_path / "real").read_text()

    def test_a_text_that_cannot_be_encoded_leaves_the_old_content(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("old")
        with pytest.raises(UnicodeEncodeError):
            files.atomic_write(path, "\ud800")
        assert "old" == path.read_text()
        assert ["a"] == [entry.name for entry in tmp_path.iterdir()]

    def test_a_failed_rename_leaves_nothing_beside_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        with pytest.raises(IsADirectoryError):
            files.atomic_write(tmp_path / "folder", "x")
        assert ["folder"] == [entry.name for entry in tmp_path.iterdir()]
        assert 1 == value(
            "file_ops_write_errors_total", operation="atomic_write", error_type="IsADirectoryError"
        )


class TestMovingAndRemoving:
    def test_archive_overwrites_nothing(self, tmp_path: Path) -> None:
        for text in ("first", "second", "third"):
            (tmp_path / "report.md").write_text(text)
            files.archive(tmp_path / "report.md", tmp_path / "old")
        names = sorted(path.name for path in (tmp_path / "old").iterdir())
        assert ["report.1.md", "report.2.md", "report.md"] == names
        assert "first" == (tmp_path / "old" / "report.md").read_text()
        assert 3 == value("file_ops_write_total", operation="archive", path="*.md")

    def test_archive_says_where_the_file_now_lies(self, tmp_path: Path) -> None:
        (tmp_path / "a.md").write_text("x")
        assert tmp_path / "old" / "a.md" == files.archive(tmp_path / "a.md", tmp_path / "old")

    def test_delete_counts_and_missing_ok_forgives(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        files.delete(tmp_path / "a")
        files.delete(tmp_path / "a", missing_ok=True)
        with pytest.raises(FileNotFoundError):
            files.delete(tmp_path / "a")
        assert 2 == value("file_ops_write_total", operation="delete")
        assert 1 == value("file_ops_write_errors_total", operation="delete")

    def test_clear_directory_removes_links_but_not_what_they_point_to(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "kept").touch()
        folder = tmp_path / "folder"
        (folder / "deep" / "deeper").mkdir(parents=True)
        (folder / "file").touch()
        (folder / "link").symlink_to(outside)
        assert 3 == files.clear_directory(folder)
        assert [] == list(folder.iterdir())
        assert (outside / "kept").exists()
        assert 1 == value(
            "file_ops_directory_total", operation="clear_directory", path="(directory)"
        )

    def test_create_directory_makes_parents_and_may_be_repeated(self, tmp_path: Path) -> None:
        files.create_directory(tmp_path / "a" / "b")
        files.create_directory(tmp_path / "a" / "b")
        with pytest.raises(FileExistsError):
            files.create_directory(tmp_path / "a" / "b", exist_ok=False)
        assert 2 == value("file_ops_directory_total", operation="create_directory")
        assert 1 == value("file_ops_directory_errors_total", operation="create_directory")


class TestErrors:
    def test_the_error_of_the_system_arrives_unchanged(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing.json"
        with pytest.raises(FileNotFoundError) as plain:
            missing.read_bytes()
        with pytest.raises(FileNotFoundError) as ours:
            files.read_text(missing)
        assert (plain.value.args, plain.value.filename) == (ours.value.args, ours.value.filename)
        assert ours.value.__cause__ is None
        assert ours.value.__context__ is None

    def test_each_failure_counts_under_its_class(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "latin").write_bytes(b"\xff")
        for path, error in (
            (tmp_path / "none", FileNotFoundError),
            (tmp_path / "file" / "below", NotADirectoryError),
            (tmp_path, IsADirectoryError),
            (tmp_path / "latin", UnicodeDecodeError),
        ):
            with pytest.raises(error):
                files.read_text(path)
            assert 1 == value("file_ops_read_errors_total", error_type=error.__name__)
        assert 4 == value("file_operation_duration_seconds_count", operation="read")
        assert 0 == value("file_ops_read_total")

    def test_something_that_is_no_path_fails_as_python_says(self) -> None:
        with pytest.raises(TypeError):
            files.read_text(None)  # type: ignore[arg-type]


def test_a_label_that_the_user_gives_is_used_as_it_is(tmp_path: Path) -> None:
    files.write_text(tmp_path / "x.txt", "x", label="data.txt")
    assert 1 == value("file_ops_write_total", path="data.txt", operation="write")
    assert 1 == value("file_size_bytes", path="data.txt")


def test_the_example_of_the_seed_counts_beside_the_tools(tmp_path: Path) -> None:
    from dreamos.core.metrics import Counter, Gauge, Histogram

    writes = Counter("file_ops_write_total", "Total file writes", ["path", "operation"])
    Gauge("file_size_bytes", "File size in bytes", ["path"])
    duration = Histogram(
        "file_operation_duration_seconds", "Time spent on file operations", ["operation"]
    )
    with duration.labels(operation="write").time():
        writes.inc(tags={"path": "data.txt", "operation": "atomic_write"})
    files.write_text(tmp_path / "data.txt", "x")
    assert 1 == value("file_ops_write_total", path="data.txt", operation="atomic_write")
    assert 1 == value("file_ops_write_total", path="*.txt", operation="write")
    assert 2 == value("file_operation_duration_seconds_count", operation="write")
