"""What the person at the terminal sees: one line per step, with the time it took."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager


class StackError(Exception):
    """The command cannot go on; the message says why and what to do."""


def say(text: str = "") -> None:
    """Print one line at once, also through a pipe."""
    print(text, flush=True)


def agrees(question: str) -> bool:
    """Ask the person at the terminal; where nobody is there, the answer is no."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input(f"  {question} [y/N] ").strip().lower() in {"y", "yes"}


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step and, when it took more than two seconds, how long it took.

    Args:
        title: what is being done, as a present participle: "Building the service's image".
    """
    say(f"  {title} ...")
    started = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - started
        if took > 2 and sys.exc_info()[0] is None:
            say(f"    done in {took:.0f} s")


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    cwd: str | None = None,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it prints.

    The child gets a session of its own: Ctrl-C reaches us alone, and we decide what becomes of the child.

    Args:
        command: program and arguments.
        env: the child's whole environment; ours when left out.
        timeout: seconds; after that the child is killed.
        cwd: working directory.
        text: what the child reads from its standard input.

    Returns:
        The completed process; look at `returncode`. A program that does not exist gives 127, as in a
        shell, and one that took too long gives 124, as with `timeout`.
    """
    try:
        return subprocess.run(
            command,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            text=True,
            encoding="utf-8",
            errors="replace",
            input=text,
            capture_output=True,
            timeout=timeout,
            start_new_session=True,
            check=False,
        )
    except (FileNotFoundError, PermissionError) as error:
        return subprocess.CompletedProcess(
            list(command), 127, "", f"{command[0]}: {error.strerror}"
        )
    except subprocess.TimeoutExpired:
        silent = f"`{' '.join(command[:4])} ...` did not end within {timeout:.0f} s"
        return subprocess.CompletedProcess(list(command), 124, "", silent)


def watch(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    silence: float = 300.0,
    show: Callable[[str], bool] = lambda line: True,
) -> tuple[int, str]:
    """Run a command, pass on the lines that say how far it is, and stop it when it falls silent.

    Args:
        command: program and arguments.
        env: the child's whole environment; ours when left out.
        silence: seconds without a line after which the command is stopped.
        show: tells whether a line is worth showing.

    Returns:
        Exit code and everything it printed. A command stopped for its silence gives 124, as `timeout` does.
    """
    lines: list[str] = []
    silent = False
    try:
        process = subprocess.Popen(
            command,
            env=dict(env) if env is not None else None,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        return 127, f"{command[0]}: {error.strerror}"

    def give_up() -> None:
        nonlocal silent
        silent = True
        process.terminate()

    with process:
        try:
            while line := _read_line(process, silence, give_up):
                lines.append(line)
                if line.strip() and show(line.strip()):
                    say(f"    {line.rstrip()[:160]}")
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait(timeout=20)
            raise
    return (124 if silent else code), "".join(lines)


def _read_line(process: subprocess.Popen[str], silence: float, give_up: Callable[[], None]) -> str:
    timer = threading.Timer(silence, give_up)
    timer.daemon = True
    timer.start()
    try:
        return process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()


def last_lines(text: str, count: int = 12) -> str:
    """Return the last lines of a text, indented, for an error message."""
    kept = [line for line in text.strip().splitlines() if line.strip()][-count:]
    return "\n".join(f"      {line}" for line in kept)
