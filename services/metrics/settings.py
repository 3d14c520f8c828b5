"""Settings of the service: one frozen object, read from the environment in one place."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ONE_WORKER = (
    "the service runs as one process: it keeps every agent's totals in its memory, and a second "
    "worker would hold other totals than the first. Use --threads for more requests at once, and "
    "more services, not more workers, for more agents"
)
_WEB = ("http://", "https://")
_log = logging.getLogger("dreamos.metrics")

FORMER_NAMES = {
    "METRICS_AGENT_SILENCE": "METRICS_AGENT_TIMEOUT",
    "METRICS_DROP_AFTER": "METRICS_SERIES_RETENTION",
    "METRICS_FORGET_AFTER": "METRICS_TOMBSTONE_RETENTION",
    "METRICS_NEW_SERIES_SHARE": "METRICS_NEW_SERIES_CPU_SHARE",
}
"""Variables that had another name once; the old one goes on working where the new one is not set."""


class BadSetting(ValueError):  # noqa: N818
    """A variable has a value that cannot be used; the message names it and shows a right one."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen. Times are in seconds, sizes in bytes.

    The environment variable of a field is ``METRICS_`` and the field's name in capitals, for
    example ``METRICS_MAX_SERIES=50000`` for ``max_series``.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    push_token_file: Path | None = None
    read_token_file: Path | None = None
    data_dir: Path = Path("data")
    log_level: str = "info"
    threads: int = 16
    """Requests that are worked on at once; known pushes and scrapes need none."""
    allowed_hosts: str = ""
    """Names of this service beside its addresses, separated by commas; without tokens only."""

    max_connections: int = 16_384
    max_connections_per_address: int = 14_336
    head_timeout: float = 10.0
    """Time for the first line and the headers of a request."""
    body_timeout: float = 60.0
    """Time for the body of a request."""
    answer_timeout: float = 60.0
    """Time in which a client has to read an answer."""

    alertmanager_url: str = ""
    """Where the service itself asks what fires; empty when there is nobody to ask."""
    prometheus_url: str = ""
    """Where the service itself asks what fired in the last day; empty likewise."""
    grafana_link: str = ""
    """Where a link of the status page leads people: ``GRAFANA_URL``, else ``METRICS_GRAFANA_URL``."""
    prometheus_link: str = ""
    alertmanager_link: str = ""
    grafana_enabled: bool = True
    """Whether there is a Grafana; no link leads to one that is not there."""

    default_ttl: float = 25.0
    """Silence after which an incarnation is lost: five missed pushes of the library."""
    agent_timeout: float = 300.0
    """Silence after which an agent that pushes without an incarnation counts as lost."""
    series_retention: float = 86_400.0
    """Silence after which an agent's series leave the exposition; its totals are kept."""
    tombstone_retention: float = 7 * 86_400.0
    """How long it is remembered which incarnations have ended, and what lost ones had."""
    flush_interval: float = 2.0
    """Longest time between an accepted push and its being on disk."""

    max_body_bytes: int = 16 * 1024 * 1024
    """Body of a push, after decompression."""
    max_series: int = 10_000
    """Series of one agent, or of one group without an agent."""
    new_series_cpu_share: float = 0.25
    """Share of one processor that an agent may use for series that were not seen before."""
    max_groups: int = 20_000
    max_total_series: int = 2_000_000
    """Series of all groups together; fewer where the memory limit is reached before."""
    max_labels: int = 30
    """Labels of one series in a body; those of the URL are as many again at most."""
    max_metric_name: int = 256
    """Characters of a metric's name."""
    max_label_name: int = 128
    max_label_value: int = 2_048
    max_help: int = 2_048
    max_scrape_bytes: int = 256 * 1024 * 1024
    """Bytes of a scrape; Prometheus' limits follow from those here (`prometheus_limits`)."""
    max_auth_failures: int = 60
    """Failed attempts of one address in a minute, after which it is answered 429."""

    collect_interval: float = 15.0
    """Pause between two looks at the host, the workspace and the processes."""
    collect_host: bool = True
    host_proc: Path = Path("/proc")
    """Where the host's ``/proc``, ``/sys`` and ``/`` are mounted."""
    host_sys: Path = Path("/sys")
    host_root: Path = Path("/")
    host_mounts: Path | None = None
    """What a mount reader wrote of the host's file systems, where ``/`` itself is not to be seen."""
    workspace: Path | None = None
    """The folder of a Dream.OS installation, the one that holds ``agent_workspaces``."""
    workspace_agent_pattern: str = ""
    """The whole name of an agent's folder, as a regular expression; empty is the usual names."""
    workspace_timezone: str = ""
    """The zone of agents' times without one, like Europe/Berlin; empty is the service's own."""
    workspace_stuck_after: float = 300.0
    """Time in processing after which a message is stuck."""
    observer_url: str = ""
    """Address of an observer that runs as a part of its own; its health is shown with the service's."""
    observer_token_file: Path | None = None
    """The token that the observer wants to see."""
    probes_file: Path | None = None
    """What to probe, in YAML; see docs/collectors.md."""
    process_pattern: str = ""
    """Searched in every command line; its group ``agent`` names the agent."""
    pid_files: str = ""
    """Pid files of agents: paths with wildcards, separated by commas."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Build the settings from ``METRICS_*`` variables; an empty value means the default.

        Args:
            environ: the variables; the process's own when left out.

        Raises:
            BadSetting: a value does not have the field's type, or is not in its range.
        """
        env = _renamed(os.environ if environ is None else environ)
        chosen: dict[str, Any] = {}
        for field in fields(cls):
            name, raw = _given(field.name, env)
            if raw:
                chosen[field.name] = _convert(name, raw, field.default)
        return cls(**chosen)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise BadSetting(f"METRICS_PORT={self.port} is not a port; example: 8000")
        if self.log_level.lower() not in ("debug", "info", "warning", "error"):
            raise BadSetting(
                f"METRICS_LOG_LEVEL={self.log_level} is not a level; one of debug, info, "
                "warning, error"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_url", "_link")):
                _check_address(field.name, value)
            if type(value) not in (int, float) or field.name == "port":
                continue
            if not 0 < value < math.inf:  # this is how nan is refused too
                raise BadSetting(
                    f"METRICS_{field.name.upper()}={value} must be a number above 0; "
                    f"example: {field.default}"
                )
        self._check_observed()

    def _check_observed(self) -> None:
        _pattern("METRICS_WORKSPACE_AGENT_PATTERN", self.workspace_agent_pattern, "Agent-[0-9]+")
        example = "agent.py --name (?P<agent>[a-z0-9-]+)"
        found = _pattern("METRICS_PROCESS_PATTERN", self.process_pattern, example)
        if self.process_pattern and "agent" not in found.groupindex:
            raise BadSetting(
                f"METRICS_PROCESS_PATTERN={self.process_pattern} needs a group named agent; "
                f"example: {example}"
            )
        try:
            ZoneInfo(self.workspace_timezone) if self.workspace_timezone else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadSetting(
                f"METRICS_WORKSPACE_TIMEZONE={self.workspace_timezone} is not known here; "
                "example: Europe/Berlin"
            ) from None


def _given(field: str, env: Mapping[str, str]) -> tuple[str, str]:
    """Return the variable that a field is read from, and what stands in it."""
    own = "METRICS_" + field.upper()
    if field.endswith("_link"):  # what the stack calls it, and the service when it stands alone
        shared = field.upper().removesuffix("LINK") + "URL"
        own = shared if env.get(shared, "").strip() else f"METRICS_{shared}"
    return own, env.get(own, "").strip()


def _check_address(field: str, value: str) -> None:
    if value and not value.startswith(_WEB):
        name = field.upper().removesuffix("LINK") + "URL" if field.endswith("_link") else ""
        raise BadSetting(
            f"{name or 'METRICS_' + field.upper()}={value} is not an address; "
            "example: https://grafana.example.org"
        )


def _renamed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with those of an old name under their new one, and say so."""
    found = dict(environ)
    for old, new in FORMER_NAMES.items():
        value = found.pop(old, "").strip()
        if value:
            _log.warning("%s is called %s now; the old name still works", old, new)
            if not found.get(new, "").strip():
                found[new] = value
    return found


def _switch(name: str, raw: str) -> bool:
    choices = dict.fromkeys(("1", "true", "yes", "on"), True)
    choices |= dict.fromkeys(("0", "false", "no", "off"), False)
    if raw.lower() not in choices:
        raise BadSetting(f"{name}={raw} is neither 1 nor 0; example: 1")
    return choices[raw.lower()]


def _pattern(name: str, text: str, example: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise BadSetting(
            f"{name}={text} is no regular expression ({error.msg}); example: {example}"
        ) from None


def _convert(name: str, raw: str, default: Any) -> Any:
    if default is None or isinstance(default, Path):
        return Path(raw)
    if isinstance(default, str):
        return raw
    if isinstance(default, bool):
        return _switch(name, raw)
    kind = int if isinstance(default, int) else float
    try:
        return kind(raw)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise BadSetting(f"{name}={raw} is not {what}; example: {default}") from None
