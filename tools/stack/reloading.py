"""Reload of Prometheus and Alertmanager, without a word to the engine about signals.

`docker kill --signal HUP` makes the engine take a container for stopped by hand, so that it stays dead
after its next end (https://github.com/moby/moby/issues/41302). So the signal comes from a short-lived
container that shares the process ids of the part. See docs/decisions/0022-reload-by-a-neighbour.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from .compose import Compose, Part
from .console import StackError, last_lines, run, say
from .http import get_text

PATIENCE_SECONDS = 60.0
RELOADED = {
    "prometheus": "prometheus_config_last_reload_success",
    "alertmanager": "alertmanager_config_last_reload_success",
}
"""The parts that read their configuration again, with the beginning of the metrics that tell of it."""

_SIGNAL = "import os, signal; os.kill(1, signal.SIGHUP)"


def reload(
    compose: Compose, parts: Mapping[str, Part], addresses: Mapping[str, str], image: str
) -> None:
    """Let parts read their configuration again, and wait until they say that they have.

    Args:
        compose: the stack.
        parts: what to reload, by service; others than Prometheus and Alertmanager are left alone.
        addresses: where each answers, from this machine.
        image: one with Python, for the signal.

    Raises:
        StackError: a part refuses its configuration, or does not answer.
    """
    for name in RELOADED.keys() & parts.keys():
        before = _metrics(name, addresses[name])
        _signal(parts[name], image)
        if before:
            _wait(compose, name, addresses[name], before)
        else:
            say(
                f"    {name} was told to read its configuration again; it cannot be asked from here"
            )


def _signal(part: Part, image: str) -> None:
    user = run(["docker", "inspect", "--format", "{{.Config.User}}", part.id]).stdout.strip()
    command = ["docker", "run", "--rm", "--network=none", f"--pid=container:{part.id}"]
    command += ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    command += [f"--user={user}", "--entrypoint=python", image, "-c", _SIGNAL]
    result = run(command, timeout=120)
    if result.returncode:
        raise StackError(
            f"{part.service} could not be told to read its configuration again:\n"
            f"{last_lines(result.stderr)}\n  `docker restart {part.name}` lets it read it."
        )


def _wait(compose: Compose, name: str, address: str, before: Mapping[str, float]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = _metrics(name, address)
        if found.get("_timestamp_seconds", 0) > before.get("_timestamp_seconds", 0):
            return
        failed_now = before.get("ful") == 1 and found.get("ful") == 0
        if failed_now or time.monotonic() > deadline:
            raise StackError(
                f"{name} did not take its new configuration and goes on with the one before; "
                f"its last lines:\n{last_lines(compose.logs(name))}"
            )
        time.sleep(0.2)


def _metrics(name: str, address: str) -> dict[str, float]:
    """Return whether the last reload succeeded (`ful`) and when one last did."""
    try:
        text = get_text(f"{address}/metrics")
    except OSError:
        return {}
    found = re.findall(rf"^{RELOADED[name]}(ful|_timestamp_seconds) (\S+)$", text, re.MULTILINE)
    return {what: float(value) for what, value in found}
