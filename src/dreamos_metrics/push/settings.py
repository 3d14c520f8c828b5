"""Settings of a pushing process, from arguments first, then from the environment."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dreamos_metrics.push.token_file import first_token

DEFAULT_URL = "http://127.0.0.1:8000"
_MAX_NAME_BYTES = 1_000  # in the URL three characters each at most, and a URL has 8,190 in all
_MIN_SECONDS = 0.01
_MAX_SECONDS = 1e7


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
        stalled_after: seconds without progress after which the agent counts as stalled; None for
            never.
    """

    agent: str
    job: str = "dreamos"
    url: str = DEFAULT_URL
    token: str = field(default="", repr=False)
    interval: float = 5.0
    spool: str | None = None
    timeout: float = 10.0
    exit_timeout: float = 3.0
    stalled_after: float | None = None

    def __post_init__(self) -> None:
        _check_name("agent", self.agent, "start(agent='Agent-1')")
        _check_name("job", self.job, "'dreamos'")
        _check_url(self.url)
        _check_token(self.token)
        _check_seconds("interval", self.interval, 5)
        if self.stalled_after is not None:
            _check_seconds("stalled_after", self.stalled_after, 300)

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
    stalled_after: float | None = None,
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
        interval=_seconds("interval", interval, environment) or 5.0,
        spool=_folder(spool if spool is not None else environment.get("DREAMOS_METRICS_SPOOL")),
        stalled_after=_seconds("stalled_after", stalled_after, environment),
    )


def _folder(spool: object) -> str | None:
    return None if spool is None else os.fspath(spool)  # type: ignore[call-overload]


def _token(environment: Mapping[str, str]) -> str:
    token = environment.get("DREAMOS_METRICS_TOKEN", "")
    path = environment.get("DREAMOS_METRICS_TOKEN_FILE", "")
    if not token and path:
        try:
            token = first_token(path)
        except ValueError as error:
            raise ValueError(f"DREAMOS_METRICS_TOKEN_FILE={path}: {error}") from None
    return token


def _seconds(name: str, given: object, environment: Mapping[str, str]) -> float | None:
    if given is None:
        variable = f"DREAMOS_METRICS_{name.upper()}"
        name, given = f"{variable} ({name})", environment.get(variable) or None
    if given is None:
        return None
    try:
        seconds = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{name}={given!r}: must be seconds, e.g. 5") from None
    return _check_seconds(name, seconds, 5)


def _check_seconds(name: str, seconds: float, example: int) -> float:
    if not (math.isfinite(seconds) and _MIN_SECONDS <= seconds <= _MAX_SECONDS):
        raise ValueError(f"{name} {seconds}: must be seconds above 0, e.g. {example}")
    return seconds


def _check_name(setting: str, name: object, example: str) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"{setting}: give it a name, e.g. {example}")
    for position, character in enumerate(name):
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValueError(
                f"{setting} {name[:80]!r}: its character {position + 1} is {character!r}, "
                f"which no name can have; e.g. {example}"
            )
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise ValueError(
            f"{setting} {name[:80]!r}…: is longer than {_MAX_NAME_BYTES} characters (of ASCII)"
        )


def _check_url(url: object) -> None:
    text = str(url)
    shown = "(not shown: it has a password in it)" if "@" in text else repr(text[:200])
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if fits and (parts.username or parts.password):
        # It would end up in logs and in the spool.
        raise ValueError("url: put the token into DREAMOS_METRICS_TOKEN, not into the address")
    if not fits or not text.isprintable() or " " in text:
        raise ValueError(f"url {shown}: must look like {DEFAULT_URL!r}")


def _check_token(token: object) -> None:
    """Refuse a token that no header can hold. It is named, and never shown."""
    if not isinstance(token, str):
        raise ValueError("token: must be text")  # noqa: TRY004 - a wrong setting like the others
    for position, character in enumerate(token):
        if not "!" <= character <= "~":
            raise ValueError(
                f"token (DREAMOS_METRICS_TOKEN or its file): its character {position + 1} is "
                f"U+{ord(character):04X}, which no header can hold; copy the token again"
            )
