"""A small agent that measures itself: run it, and watch its figures arrive.

It works through tasks made of real file operations in a folder of its own. Some of them fail, for
real: a file that is not there, a folder that refuses, a file where a folder should be. Everything is
counted by the library; `--report` additionally writes down what the agent itself knows it did, so
that the two can be compared. It is also the workload of the end-to-end tests.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import logging
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import dreamos.core.metrics as metrics
from dreamos.core.metrics import files, logs

TICKS_PER_SECOND = 20
OPERATIONS_PER_TASK = 5
NAMES = [f"note-{number}.md" for number in range(12)]

logger = logging.getLogger("dreamos.example")


class Report:
    """What the agent did, by the names of the metrics that must show it.

    One line of JSON per tick is handed to the kernel, which keeps it even if this process is killed
    the next moment; once a second it is forced to the disk. So after `kill -9` the last line is
    behind by no more than the calls of one tick.
    """

    def __init__(self, agent: str, path: Path | None) -> None:
        self._agent = agent
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if path else None
        self._synced = time.monotonic()
        self.counts: Tally[str] = Tally()

    def write(self, *, final: bool = False) -> None:
        if self._file is None:
            return
        line = {
            "agent": self._agent,
            "pid": os.getpid(),
            "time": time.time(),
            "final": final,
            "counts": dict(self.counts),
        }
        os.write(self._file, (json.dumps(line) + "\n").encode())
        if final or time.monotonic() - self._synced >= 1:
            os.fsync(self._file)
            self._synced = time.monotonic()


class Workshop:
    """The folder that the agent works in, and the file operations it knows."""

    def __init__(self, folder: Path, report: Report, rng: random.Random) -> None:
        self._folder = folder
        self._count = report.counts
        self._rng = rng
        self._made: list[Path] = []
        self._number = 0
        for name in ("notes", "inbox", "archive", "locked"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (folder / "notes" / name).write_text("# an empty note\n", encoding="utf-8")
        self._blocker = folder / "not-a-folder.txt"
        self._blocker.write_text("a file, where others expect a folder\n", encoding="utf-8")
        self._refused = self._find_refusal()
        self._works = [self.write, self.write, self.read, self.read, self.append, self.create,
                       self.archive, self.delete, self.make_folder, self.clear]  # fmt: skip
        self._fails = [self.read_missing, self.write_refused, self.write_below_file,
                       self.make_folder_below_file, self.delete_missing]  # fmt: skip

    @property
    def inbox(self) -> Path:
        return self._folder / "inbox"

    def operate(self, fail: bool) -> None:
        """Do one file operation; raises the error of the operating system when it fails."""
        self._rng.choice(self._fails if fail else self._works)()

    def write(self) -> None:
        self._call("write", lambda: files.atomic_write(self._note(), self._text()))

    def append(self) -> None:
        note = self._note()
        if note.stat().st_size > 20_000:
            self.write()
        else:
            self._call("write", lambda: files.append(note, self._text()))

    def read(self) -> None:
        self._call("read", lambda: len(files.read_bytes(self._note())))

    def create(self) -> None:
        self._number += 1
        message = self.inbox / f"message-{os.getpid()}-{self._number}.md"
        self._call("write", lambda: files.create(message, self._text()))
        self._made.append(message)

    def archive(self) -> None:
        if not self._made:
            return self.create()
        message = self._made.pop(0)
        return self._call("write", lambda: self._move_to_archive(message))

    def delete(self) -> None:
        if not self._made:
            return self.create()
        message = self._made.pop()
        return self._call("write", lambda: files.delete(message))

    def make_folder(self) -> None:
        self._call("directory", lambda: files.create_directory(self._folder / "archive"))

    def clear(self) -> None:
        self._call("directory", self._clear_archive)

    def read_missing(self) -> None:
        self._call("read", lambda: len(files.read_text(self._folder / "notes" / "missing.json")))

    def write_refused(self) -> None:
        self._call("write", lambda: files.write_text(self._refused, self._text()))

    def write_below_file(self) -> None:
        self._call("write", lambda: files.write_text(self._blocker / "below.md", "never"))

    def make_folder_below_file(self) -> None:
        self._call("directory", lambda: files.create_directory(self._blocker / "below"))

    def delete_missing(self) -> None:
        self._call("write", lambda: files.delete(self._folder / "notes" / "missing.json"))

    def _call(self, kind: str, work: Callable[[], int | None]) -> None:
        try:
            moved = work() or 0
        except OSError:
            self._count[f"file_ops_{kind}_errors_total"] += 1
            raise
        finally:
            self._count["operations"] += 1
        self._count[f"file_ops_{kind}_total"] += 1
        self._count["file_ops_bytes_total"] += moved

    def _move_to_archive(self, message: Path) -> None:
        files.archive(message, self._folder / "archive")

    def _clear_archive(self) -> None:
        files.clear_directory(self._folder / "archive")

    def _note(self) -> Path:
        return self._folder / "notes" / self._rng.choice(NAMES)

    def _text(self) -> str:
        return f"- line {self._rng.randrange(10**9)}\n" * self._rng.randrange(1, 40)

    def _find_refusal(self) -> Path:
        """Return a path that the system refuses to write, also when root asks."""
        locked = self._folder / "locked"
        locked.chmod(0o500)
        for path in (locked / "refused.md", Path("/sys/dreamos-refused.md")):
            try:
                path.touch()
                path.unlink()
            except OSError:
                return path
        return self._folder / "notes"  # a folder: writing it as a file is refused everywhere


@functools.lru_cache(maxsize=8)
def checksum(path: Path, changed: int) -> str:
    """Return the checksum of a file; remembered until the file changes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Stop:
    """The wish that the agent ends, by a signal or by the program.

    A signal handler runs in the middle of whatever the main thread does, which may hold the lock of
    a `threading.Event` just then: `set` would wait for ever. So it is a plain attribute, and whoever
    waits looks at it often. A second signal kills.
    """

    LOOK_SECONDS = 0.1

    def __init__(self) -> None:
        self.asked = False

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(number, signal.SIG_DFL)

    def wait(self, seconds: float) -> bool:
        """Sleep for so many seconds, or until the end is asked for; return whether it is."""
        looks = math.ceil(seconds / self.LOOK_SECONDS)
        for _ in range(looks):
            if not self.asked:
                time.sleep(seconds / looks)
        return self.asked


class Worker:
    """The agent's main loop: tasks of a few operations, at a steady rate, until it is told."""

    def __init__(self, options: argparse.Namespace, report: Report, stop: Stop) -> None:
        self._options = options
        self._report = report
        self._stop = stop
        self._rng = random.Random(options.seed)
        self._shop = Workshop(options.workdir, report, self._rng)
        self._agent = metrics.current_agent()
        self._ends = time.monotonic() + options.duration if options.duration else float("inf")
        self._pace = 0.0
        inbox = self._shop.inbox
        metrics.queue("inbox").watch(length=lambda: sum(1 for _ in inbox.iterdir()))
        metrics.cache("checksums").watch(checksum)

    def run(self) -> None:
        while not self._is_over():
            self._agent.heartbeat()
            task = self._rng.choice(("review", "summarise", "tidy"))
            count = self._report.counts
            count["dreamos_agent_tasks_started_total"] += 1
            try:
                with self._agent.responding(), self._agent.task(task):
                    self._work()
            except OSError as error:
                logger.warning("task %s gave up: %s", task, error)
                count["dreamos_agent_tasks_failed_total"] += 1
                count["dreamos_agent_errors_total"] += 1
            else:
                count["dreamos_agent_tasks_completed_total"] += 1
            self._report.write()

    def _work(self) -> None:
        """Do one task. Its last step is the one that it cannot do without."""
        for step in range(OPERATIONS_PER_TASK):
            if self._is_over():
                return
            self._wait()
            try:
                self._shop.operate(self._rng.random() < self._options.error_share)
            except OSError as error:
                if step == OPERATIONS_PER_TASK - 1:
                    raise
                self._agent.error(error)
                self._report.counts["dreamos_agent_errors_total"] += 1
        with self._agent.operation("checksum", deadline=5):
            note = self._options.workdir / "notes" / self._rng.choice(NAMES)
            checksum(note, note.stat().st_mtime_ns)
        self._report.counts["dreamos_agent_operation_duration_seconds_count"] += 1

    def _wait(self) -> None:
        """Keep the rate: sleep once per tick, after as many operations as belong to one."""
        batch = max(1.0, self._options.rate / TICKS_PER_SECOND)
        self._pace += 1
        if self._pace >= batch:
            self._pace -= batch
            self._report.write()
            self._stop.wait(batch / self._options.rate)

    def _is_over(self) -> bool:
        done = self._report.counts["operations"]
        limit = self._options.operations
        return (
            self._stop.asked
            or (limit is not None and done >= limit)
            or time.monotonic() >= self._ends
        )


def ask_service(url: str, stop: Stop) -> None:
    """Ask the metrics service for its health every few seconds, as a call of another service."""
    while not stop.wait(5):
        with contextlib.suppress(OSError), metrics.api_call("metrics-service"):
            urllib.request.urlopen(f"{url}/-/healthy", timeout=2).close()


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    add = parser.add_argument
    add("--agent", default="Agent-1", help="name of the agent (default: %(default)s)")
    add("--url", default=os.environ.get("DREAMOS_METRICS_URL", "http://127.0.0.1:8000"),
        help="the metrics service (default: DREAMOS_METRICS_URL or %(default)s)")  # fmt: skip
    add("--duration", type=float, default=0, help="seconds to work (default: until Ctrl-C)")
    add("--operations", type=int, help="stop after exactly so many file operations")
    add("--rate", type=float, default=10, help="file operations per second (default: %(default)s)")
    add("--error-share", type=float, default=0.1, help="share that fails (default: %(default)s)")
    add("--workdir", type=Path, help="folder to work in (default: a temporary one)")
    add("--report", type=Path, help="append what was done to this file, as lines of JSON")
    add("--seed", type=int, help="number that makes the choices repeatable")
    options = parser.parse_args(arguments)
    if options.rate <= 0:
        parser.error(f"--rate is {options.rate}, not above 0 (example: --rate 10)")
    if not 0 <= options.error_share <= 1:
        parser.error(f"--error-share is {options.error_share}, not from 0 to 1 (example: 0.2)")
    return options


def say(text: str) -> None:
    print(text, flush=True)


def greet(options: argparse.Namespace) -> None:
    say(f"{options.agent} works in {options.workdir}, {options.rate:g} file operations a second.")
    try:
        urllib.request.urlopen(f"{options.url}/-/healthy", timeout=2).close()
    except OSError as error:
        say(f"Nothing answers at {options.url} ({error}); the counts are kept and sent later.")
        say("Start the service: python -m tools.start_metrics_server   (or the stack: make up)")
    else:
        say(f"Its figures: {options.url}/metrics/file and {options.url}/metrics")
    say("Ctrl-C ends it." if not options.duration else f"It ends after {options.duration:g} s.")


@contextlib.contextmanager
def work_folder(options: argparse.Namespace) -> Iterator[None]:
    if options.workdir is not None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="dreamos-agent-") as folder:
        options.workdir = Path(folder)
        yield


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.on_signal)
    signal.signal(signal.SIGINT, stop.on_signal)
    logs.install()
    # What fails here fails on purpose: it is counted, and need not fill the screen.
    logger.addHandler(logging.NullHandler())
    with work_folder(options):
        greet(options)
        metrics.start(agent=options.agent, url=options.url)
        threading.Thread(target=ask_service, args=(options.url, stop), daemon=True).start()
        report = Report(options.agent, options.report)
        try:
            Worker(options, report, stop).run()
        finally:
            report.write(final=True)
            metrics.stop(10)
    done = report.counts
    failed = sum(done[f"file_ops_{kind}_errors_total"] for kind in ("read", "write", "directory"))
    say(f"Done: {done['operations']} file operations, {failed} of them failed for real.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
