"""Start the containers and wait until each says that it is healthy, or say which one does not and why."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping

from .compose import LASTING, Compose, Part
from .console import StackError, last_lines, say

PATIENCE = 300.0


def bring_up(compose: Compose, services: Collection[str], before: Mapping[str, Part]) -> None:
    """Start services, and say when each is ready; what they depend on has been prepared.

    Args:
        compose: the stack.
        services: those that must be healthy in the end, or have ended without an error.
        before: what was there already, by service.

    Raises:
        StackError: naming the part that failed, with the last lines that it wrote.
    """
    started = time.monotonic()
    ready: dict[str, str] = {}
    old = {part.id for part in before.values() if part.ready}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        words = ("up", "--detach", "--no-build", "--no-deps", "--remove-orphans")
        starting = compose.start(*words, *sorted(services), output=output)
        try:
            while starting.poll() is None or len(ready) < len(services):
                done = starting.poll() is not None
                parts = compose.parts()
                settled = parts if done else {n: p for n, p in parts.items() if p.id not in old}
                _note_ready(settled, services, ready, old, time.monotonic() - started)
                mine = {name: part for name, part in parts.items() if name in services}
                _stop_at_failure(compose, mine, starting)
                if starting.poll():
                    output.seek(0)
                    raise StackError(f"`docker compose up` failed:\n{last_lines(output.read())}")
                if time.monotonic() - started > PATIENCE:
                    _give_up(compose, parts, services)
                time.sleep(0.3)
        finally:
            if starting.poll() is None:
                starting.terminate()
                starting.wait(timeout=30)


def _note_ready(
    parts: Mapping[str, Part],
    services: Collection[str],
    ready: dict[str, str],
    old: Collection[str],
    now: float,
) -> None:
    """Keep, by service, the container that was seen healthy; a container may still be replaced."""
    for name in services:
        part = parts.get(name)
        if part is None or not _done(part):
            ready.pop(name, None)
        elif ready.get(name) != part.id:
            ready[name] = part.id
            was_there = part.id in old
            say(f"    {name} {'was running already' if was_there else f'ready after {now:.1f} s'}")


def _done(part: Part) -> bool:
    if part.service in LASTING:
        return part.ready and part.health == "healthy"
    # A part of the user's own may have no health check, or be there to end.
    return part.ready or (part.state == "exited" and part.exit_code == 0)


def _stop_at_failure(
    compose: Compose, parts: dict[str, Part], starting: subprocess.Popen[str]
) -> None:
    for part in parts.values():
        # While Compose is still at work, an ended container may be one of last time, about to be replaced.
        settled = starting.poll() is not None or part.state == "restarting"
        if part.failed and settled:
            ended = f"ended with code {part.exit_code}" if part.state == "exited" else part.health
            raise StackError(
                f"{part.service} {ended or part.state}; its last lines:\n{last_lines(compose.logs(part.service))}"
            )


def _give_up(compose: Compose, parts: dict[str, Part], services: Collection[str]) -> None:
    late = [name for name in services if name not in parts or not _done(parts[name])]
    logs = "\n".join(f"    {name}:\n{last_lines(compose.logs(name))}" for name in late)
    raise StackError(f"not ready within {PATIENCE:.0f} s: {', '.join(late)}\n{logs}")
