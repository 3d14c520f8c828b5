"""`python -m dreamos_metrics adopt`: a checkout gives our names, and keeps every one of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.library.adoption.checkout import METRICS, SOURCE, adopt, make_checkout, run_python


def metrics_file(checkout: Path) -> Path:
    return checkout / "dreamos" / "core" / "metrics" / "__init__.py"


def test_without_it_the_checkout_has_no_counter_of_ours(tmp_path: Path) -> None:
    done = run_python("-c", "import dreamos.core.metrics.logs", checkout=make_checkout(tmp_path))
    assert "No module named 'dreamos.core.metrics.logs'" in done.stderr


def test_after_it_the_names_are_ours_and_theirs_still_work(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    assert 0 == adopt(checkout, "--yes").returncode
    done = run_python("-W", "error", "-c", """
import dreamos_metrics.testing
import dreamos.core.metrics as metrics
import dreamos.core.metrics.logs as logs
from dreamos.core.metrics import Counter, Gauge, Histogram, start, current_agent, files
from dreamos.core.metrics import BaseMetrics, FileMetrics, LogMetrics, BridgeMetrics
from dreamos.core.metrics.compat import CommandMetrics
from dreamos.core import VERSION

assert (Counter, Gauge, Histogram, start) == (
    dreamos_metrics.Counter, dreamos_metrics.Gauge, dreamos_metrics.Histogram, dreamos_metrics.start)
assert logs is dreamos_metrics.logs and logs.__name__ == logs.__spec__.name == "dreamos_metrics.logs"
assert files is dreamos_metrics.files
assert metrics.current_agent is dreamos_metrics.current_agent
theirs = FileMetrics()
theirs.increment("reads")
assert ("theirs", {"reads": 1}, BaseMetrics) == (theirs.name, theirs.counters, type(theirs).__base__)
assert BaseMetrics.__module__ == "dreamos.core.metrics.base"
assert LogMetrics is dreamos_metrics.LogMetrics and BridgeMetrics is dreamos_metrics.BridgeMetrics
assert CommandMetrics is dreamos_metrics.CommandMetrics
assert ("b", 2) == metrics.most_common("abb")  # it counts with collections.Counter, as before
assert VERSION == "theirs"
seen = Counter("seen_total", "d")
seen.inc()
assert 1 == dreamos_metrics.testing.value("seen_total")
names = {}
exec("from dreamos.core.metrics import *", names)
assert names["Counter"] is dreamos_metrics.Counter and names["FileMetrics"] is FileMetrics
""", checkout=checkout)  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr)


def test_a_module_of_theirs_is_not_hidden_by_a_name_of_ours(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    (metrics_file(checkout).parent / "queue.py").write_text("OWNER = 'theirs'\n")
    (metrics_file(checkout).parent / "logs.py").write_text("OWNER = 'theirs'\n")
    assert 0 == adopt(checkout, "--yes").returncode
    code = (
        "from dreamos.core.metrics import queue, logs; import dreamos.core.metrics.logs as again\n"
        "print(queue.OWNER, logs.OWNER, again.OWNER)"
    )
    assert "theirs theirs theirs\n" == run_python("-c", code, checkout=checkout).stdout


def test_what_was_there_stays_byte_for_byte(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    file = metrics_file(checkout)
    file.write_bytes(b"# -*- coding: latin-1 -*-\r\nNAME = 'J\xfcrgen'\r\nBaseMetrics = NAME")
    file.chmod(0o640)
    before = file.read_bytes()
    assert 0 == adopt(checkout, "--yes").returncode
    after = file.read_bytes()
    assert before == after[: len(before)]
    assert after.count(b"\n") == after.count(b"\r\n")
    assert 0o640 == file.stat().st_mode & 0o777
    code = "from dreamos.core.metrics import Counter, NAME; print(ascii(NAME), Counter.__module__)"
    shown = run_python("-c", code, checkout=checkout).stdout
    assert "'J\\xfcrgen' dreamos_metrics.metrics.counter\n" == shown


def test_the_second_time_changes_nothing(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    adopt(checkout, "--yes")
    once = metrics_file(checkout).read_bytes()
    done = adopt(checkout, "--yes")
    assert (0, once) == (done.returncode, metrics_file(checkout).read_bytes())
    assert "nothing to write" in done.stdout


def test_it_shows_every_line_and_writes_none_without_a_yes(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    done = adopt(checkout)
    assert (0, METRICS) == (done.returncode, metrics_file(checkout).read_text())
    assert "+ _extend(__name__)" in done.stdout
    assert "nothing was written: add --yes" in done.stdout
    shown = [line[2:] for line in done.stdout.splitlines() if line.startswith("+ ")]
    adopt(checkout, "--yes")
    added = metrics_file(checkout).read_text().removeprefix(METRICS)
    assert [line for line in added.splitlines() if line] == shown


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_it_asks(tmp_path: Path, answer: str, code: int) -> None:
    checkout = make_checkout(tmp_path)
    parent, child = pty.openpty()
    os.write(parent, answer.encode())
    done = subprocess.run(
        [sys.executable, "-m", "dreamos_metrics", "adopt", str(checkout)], stdin=child,
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    os.close(parent)
    os.close(child)
    assert code == done.returncode
    assert "Write these lines? [y/N]" in done.stdout
    assert (code == 0) == ("_extend" in metrics_file(checkout).read_text())


def test_a_checkout_without_a_metrics_package_gets_one(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, metrics=None)
    done = adopt(checkout, "--yes")
    assert (0, True) == (done.returncode, "new file" in done.stdout)
    code = (
        "import dreamos_metrics as m; from dreamos.core.metrics import Counter, FileMetrics, logs\n"
        "print((Counter, FileMetrics, logs) == (m.Counter, m.FileMetrics, m.logs))"
    )
    assert "True\n" == run_python("-c", code, checkout=checkout).stdout


def test_a_metrics_module_that_is_a_single_file_is_adopted_too(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, metrics=None)
    module = checkout / "dreamos" / "core" / "metrics.py"
    module.write_text("class CommandMetrics:\n    owner = 'theirs'\n")
    assert 0 == adopt(checkout, "--yes").returncode
    code = (
        "import dreamos_metrics as m, dreamos.core.metrics.logs as logs\n"
        "from dreamos.core.metrics import CommandMetrics, Counter\n"
        "print(CommandMetrics.owner, Counter is m.Counter, logs is m.logs)"
    )
    assert "theirs True True\n" == run_python("-c", code, checkout=checkout).stdout


@pytest.mark.parametrize("below", ["", "src", "apps/agents"])
def test_the_package_is_found_where_checkouts_have_it(tmp_path: Path, below: str) -> None:
    checkout = make_checkout(tmp_path, below=below)
    (tmp_path / ".venv" / "lib" / "dreamos" / "core").mkdir(parents=True)
    assert 0 == adopt(checkout, "--yes").returncode
    assert "_extend" in metrics_file(checkout / below).read_text()


def test_the_folder_of_the_package_itself_will_do(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    assert 0 == adopt(checkout / "dreamos", "--yes").returncode
    assert "_extend" in metrics_file(checkout).read_text()


def _nothing(folder: Path) -> Path:
    return folder / "not-there"


def _a_file(folder: Path) -> Path:
    (folder / "file.txt").write_text("x")
    return folder / "file.txt"


def _no_package(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder


def _two_packages(folder: Path) -> Path:
    make_checkout(folder / "one")
    make_checkout(folder / "two")
    return folder


def _broken(folder: Path) -> Path:
    return make_checkout(folder, metrics="def half(:\n")


def _core_is_a_module(folder: Path) -> Path:
    (folder / "dreamos").mkdir()
    (folder / "dreamos" / "__init__.py").touch()
    (folder / "dreamos" / "core.py").touch()
    return folder


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_nothing, "there is no such folder"),
        (_a_file, "is a file; give the path of the checkout's folder"),
        (_no_package, "has no package 'dreamos'"),
        (_two_packages, "has several packages 'dreamos'"),
        (_broken, "is not Python that can be read (line 1)"),
        (_core_is_a_module, "make it a package first"),
    ],
)
def test_a_wrong_path_is_said_and_changes_nothing(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    path = make(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    done = adopt(path, "--yes")
    assert 2 == done.returncode
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


def test_help_shows_an_example() -> None:
    assert "adopt ~/SWARM --yes" in adopt("--help").stdout


def test_the_command_has_both_names() -> None:
    ours, alias = (
        run_python("-m", name, "--help") for name in ("dreamos_metrics", "dreamos.core.metrics")
    )
    assert (0, ours.stdout, "") == (alias.returncode, alias.stdout, alias.stderr)


def test_type_checkers_see_the_names_in_an_adopted_checkout(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, metrics="class FileMetrics:\n    pass\n")
    adopt(checkout, "--yes")
    agent = tmp_path / "agent.py"
    agent.write_text(
        "from dreamos.core.metrics import Counter, FileMetrics, start\n"
        "Counter('a', 'b').inc()\n"
        "start(agent='Agent-1').heartbeat()\n"
        "print(FileMetrics())\n"
        "Counter('a', 'b').inc('c')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "agent.py"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": os.pathsep.join([str(checkout), str(SOURCE)])},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ["5"] == [line.split(":")[1] for line in done.stdout.splitlines() if ": error" in line]
