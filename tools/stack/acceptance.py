"""Acceptance of a configuration: before anything that runs is touched, the tools that will read it judge it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

from .compose import ONE_SHOTS, Compose
from .console import StackError, last_lines

_PLACES = (
    ("/etc/prometheus/", "deploy/prometheus/"),
    ("/generated/prometheus/", "deploy/prometheus/"),
    ("/etc/alertmanager/", "deploy/alertmanager/"),
    ("/generated/alertmanager/", "deploy/alertmanager/"),
    ("/deploy/", "deploy/"),
)
"""Where a container sees what the person has written, as the beginning of a path."""

_CONTENT = re.compile(
    r"^\s*(Checking .*|.*SUCCESS.*|\d+ rules found|Found:|- (global config|route|\d+ .*))?\s*$"
)
"""What the tools say of files that are right."""


_WRITTEN = {
    "check-prometheus": ("check", "config", "/etc/prometheus/prometheus.yml"),
    "check-alertmanager": ("check-config", "/etc/alertmanager/alertmanager.yml"),
}
"""Commands that judge the files as they were written, where none could be rendered from them."""


def accept(compose: Compose) -> None:
    """Render the configuration, have it judged, and only then put it where it is read.

    Raises:
        StackError: with the tool's own words; what runs and what it reads is as it was.
    """
    _hand_out_secrets(compose)
    try:
        for name in ONE_SHOTS:
            _run(compose, name)
    except BaseException:
        compose.remove_unfinished()
        raise


def _run(compose: Compose, name: str) -> None:
    result = compose.once(name)
    if result.returncode == 0:
        return
    if name == "render":
        for tool, words in _WRITTEN.items():
            judged = compose.once(tool, *words)
            if judged.returncode:
                raise StackError(_refusal(tool, judged))
    raise StackError(_refusal(name, result))


def _hand_out_secrets(compose: Compose) -> None:
    """Start the secret keeper where it does not run: the tools that judge need their secrets."""
    words = ("up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--wait", "secrets")
    result = compose.run(*words)
    if result.returncode:
        said = last_lines(compose.logs("secrets") or result.stderr)
        raise StackError(f"the secrets could not be handed out:\n{said}")


def _refusal(name: str, result: subprocess.CompletedProcess[str]) -> str:
    lines = complaints([*result.stdout.splitlines(), *result.stderr.splitlines()])
    who = {
        "render": "the settings or files in deploy/ cannot be used",
        "check-prometheus": "Prometheus' own check (promtool) refuses the configuration",
        "check-alertmanager": "Alertmanager's own check (amtool) refuses the configuration",
    }.get(name, f"{name} ended with code {result.returncode}")
    if any(line.startswith("Error response from daemon") for line in lines):
        who = f"{name} could not be run"
    return f"{who}; nothing that runs was changed:\n{last_lines(chr(10).join(lines), 20)}"


def complaints(lines: Iterable[str]) -> list[str]:
    """Return what a tool objects to, each once, with the names that the person's files have here."""
    objections = [line.rstrip() for line in lines if not _CONTENT.match(line)]
    # What is wrong in a file is wrong in its rendered copy too, in another line.
    written = [line for line in objections if "/generated/" not in line]
    shown = written if any("/etc/" in line for line in written) else objections
    return list(dict.fromkeys(_as_here(line) for line in shown))


def _as_here(line: str) -> str:
    for inside, here in _PLACES:
        line = line.replace(inside, here)
    return line
