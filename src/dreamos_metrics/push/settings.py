"""Settings of a pushing process, from arguments first, then from the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Settings:
    """Settings of one pushing process.

    Attributes:
        agent: the agent's name; several processes may share it.
        job: the group of agents; default `"dreamos"`.
        url: where the metrics service listens, e.g. `"http://127.0.0.1:8000"`.
        token: sent as `Authorization: Bearer`; empty for none. Never shown in `repr`.
        interval: seconds between pushes, e.g. 5.
        spool: folder for what could not be sent; None for the user's default folder; "" for none.
        timeout: seconds that one request may take in all.
        exit_timeout: seconds that the end of the process may wait for the final push.
    """

    agent: str
    job: str = "dreamos"
    url: str = DEFAULT_URL
    token: str = field(default="", repr=False)
    interval: float = 5.0
    spool: str | None = None
    timeout: float = 10.0
    exit_timeout: float = 3.0

    def __post_init__(self) -> None:
        if not isinstance(self.agent, str) or not self.agent:
            raise ValueError("agent: give the agent a name, e.g. start(agent='Agent-1')")
        if not isinstance(self.job, str) or not self.job:
            raise ValueError("job: must be a name, e.g. 'dreamos'")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url {self.url!r}: must look like {DEFAULT_URL!r}")
        if parts.username or parts.password:
            # It would end up in logs and in the spool.
            raise ValueError("url: put the token into DREAMOS_METRICS_TOKEN, not into the address")
        if not (math.isfinite(self.interval) and self.interval > 0):
            raise ValueError(f"interval {self.interval}: must be seconds above 0, e.g. 5")

    @property
    def time_to_live(self) -> float:
        """Seconds of silence after which the service counts the process as lost: five intervals."""
        return 5 * self.interval


def read_settings(
    environment: Mapping[str, str] = os.environ,
    *,
    agent: str | None = None,
    job: str | None = None,
    url: str | None = None,
    token: str | None = None,
    interval: float | None = None,
    spool: str | None = None,
) -> Settings:
    """Return the settings: arguments first, then `DREAMOS_METRICS_*`, then the defaults.

    Raises:
        ValueError: a setting is missing or wrong; the message names it and shows a right one.
        OSError: the token file cannot be read.
    """
    return Settings(
        agent=agent or environment.get("DREAMOS_METRICS_AGENT", ""),
        job=job or environment.get("DREAMOS_METRICS_JOB") or "dreamos",
        url=url or environment.get("DREAMOS_METRICS_URL") or DEFAULT_URL,
        token=token if token is not None else _token(environment),
        interval=_seconds(environment) if interval is None else float(interval),
        spool=spool if spool is not None else environment.get("DREAMOS_METRICS_SPOOL"),
    )


def _token(environment: Mapping[str, str]) -> str:
    token = environment.get("DREAMOS_METRICS_TOKEN", "")
    path = environment.get("DREAMOS_METRICS_TOKEN_FILE", "")
    if not token and path:
        # The service takes several, one to a line, while a token is being changed; the first is the
        # new one.
        lines = map(str.strip, Path(path).read_text(encoding="utf-8").splitlines())
        token = next((line for line in lines if line and not line.startswith("#")), "")
    return token


def _seconds(environment: Mapping[str, str]) -> float:
    text = environment.get("DREAMOS_METRICS_INTERVAL") or "5"
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"DREAMOS_METRICS_INTERVAL={text!r}: must be seconds, e.g. 5") from None
