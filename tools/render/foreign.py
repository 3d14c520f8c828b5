"""Variables of `.env` that are not the stack's own: where each goes, and which are misspelt ones of ours.

Standard library only, as `variables` is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tools.render.kinds import KINDS

# Settings of Docker itself, which its own tools read from the same file.
_DOCKERS = ("COMPOSE_", "DOCKER_", "BUILDKIT_")
_PROXY = re.compile(r"(https?|no)_proxy", re.IGNORECASE)
_PREFIXES = re.compile(
    r"(METRICS|PROMETHEUS|ALERTMANAGER|GRAFANA|ALERT|SMTP|SLACK|PAGERDUTY|STACK|SECRETS)_"
)
# Above this, two names are taken for the same one misspelt.
_ALIKE = 0.7

_CLIENTS = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)

OURS_IN_GRAFANA: Mapping[str, str] = {
    "GF_SECURITY_ADMIN_USER": "GRAFANA_ADMIN_USER=admin",
    "GF_SECURITY_ADMIN_PASSWORD": "the file grafana/admin_password in SECRETS_DIR",
    "GF_SECURITY_ADMIN_PASSWORD__FILE": "the file grafana/admin_password in SECRETS_DIR",
    "GF_SERVER_ROOT_URL": "GRAFANA_URL=https://grafana.example.org",
    "GF_SERVER_SERVE_FROM_SUB_PATH": "GRAFANA_URL=https://example.org/grafana",
    "GF_SERVER_HTTP_PORT": "GRAFANA_PORT=3000",
}
"""Settings of Grafana that follow from one of ours, with the one to use."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one setting, in words for the person who wrote it."""

    variable: str
    wrong: str
    example: str

    def __str__(self) -> str:
        """Return the one line that is printed: name, what is wrong, what is right."""
        return f"{self.variable}: {self.wrong}; for example {self.example}"


def place(name: str) -> str:
    """Return where a variable that is not ours goes, in words; empty where nobody reads it."""
    if name.startswith("GF_"):
        return "Grafana"
    if name == "TZ":
        return "all parts"
    if _PROXY.fullmatch(name):
        return "notifications"
    return "Docker" if name.startswith(_DOCKERS) else ""


def misspelt(name: str, ours: Mapping[str, object], mentioned: Collection[str]) -> Problem | None:
    """Return the problem of a name that is none of ours and looks like one."""
    if name in ours or name in mentioned or place(name):
        return None
    near = difflib.get_close_matches(name.upper(), list(ours), n=1, cutoff=_ALIKE)
    if near:
        example = f"{near[0]}={getattr(ours[near[0]], 'example', '')}"
        return Problem(name, f"nothing reads this setting; is {near[0]} meant?", example)
    if _PREFIXES.match(name):
        return Problem(name, "nothing reads this setting", "remove the line, see .env.example")
    return None


def check(env: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with variables that are passed on."""
    problems = [
        Problem(name, "the stack sets it itself", example)
        for name, example in OURS_IN_GRAFANA.items()
        if name in env
    ]
    problems += [
        Problem(
            name, "the Docker client reads it from the shell only", f"export {name}={env[name]}"
        )
        for name in _CLIENTS
        if name in env
    ]
    if env.get("TZ") and (wrong := KINDS["zone"](env["TZ"])):
        problems.append(Problem("TZ", f"{env['TZ']!r} {wrong}", "TZ=Europe/Berlin"))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        if env.get(name) and (wrong := KINDS["proxy"](env[name])):
            problems.append(Problem(name, wrong, f"{name}=http://proxy.example.org:3128"))
    return problems


def proxy(env: Mapping[str, str]) -> tuple[str, str]:
    """Return the proxy that the usual variables name, and what is reached without it."""

    def first(*names: str) -> str:
        return next((env[name] for name in names if env.get(name)), "")

    way = first("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    return way, first("NO_PROXY", "no_proxy")
