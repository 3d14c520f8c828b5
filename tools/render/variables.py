"""The settings of the stack: one table, from which `.env.example` is written and `.env` is checked.

Only the standard library is imported here, directly and indirectly: `make up` calls
`check()` on a machine where nothing has been installed yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tools.render import foreign
from tools.render.foreign import Problem
from tools.render.kinds import KINDS, Kind, duration_seconds


@dataclass(frozen=True)
class Variable:
    """One setting: its name, its default (empty: unset), what it may hold, an example, its help."""

    section: str
    name: str
    default: str
    kind: str
    example: str
    help: str


_ROWS: dict[str, tuple[tuple[str, str, str, str, str], ...]] = {
    "Where the stack listens": (
        (
            "BIND_ADDRESS",
            "127.0.0.1",
            "address",
            "127.0.0.1",
            "address that the ports are opened on",
        ),
        (
            "METRICS_PORT",
            "8000",
            "port",
            "8000",
            "the metrics service: pushes, /metrics, status page",
        ),
        ("PROMETHEUS_PORT", "9090", "port", "9090", "Prometheus"),
        ("ALERTMANAGER_PORT", "9093", "port", "9093", "Alertmanager"),
        ("GRAFANA_PORT", "3000", "port", "3000", "Grafana"),
    ),
    "Links in alerts and messages (unset: this machine and the ports above)": (
        (
            "METRICS_URL",
            "",
            "base_url",
            "https://metrics.example.org",
            "the service; runbooks are there",
        ),
        ("PROMETHEUS_URL", "", "base_url", "https://prometheus.example.org", "Prometheus"),
        (
            "ALERTMANAGER_URL",
            "",
            "base_url",
            "https://alerts.example.org",
            "Alertmanager; silences",
        ),
        ("GRAFANA_URL", "", "base_url", "https://grafana.example.org", "Grafana; dashboards"),
    ),
    "How often, how long": (
        ("SCRAPE_INTERVAL", "15s", "duration", "15s", "how often Prometheus reads; at most 1m"),
        ("EVALUATION_INTERVAL", "15s", "duration", "15s", "how often rules are judged; at most 1m"),
        ("RETENTION_TIME", "15d", "duration", "15d", "how long Prometheus keeps samples"),
        ("RETENTION_SIZE", "10GB", "size", "10GB", "how much it keeps; about 70 % of the disk"),
    ),
    "Alerts": (
        ("ALERT_GROUP_WAIT", "30s", "duration", "30s", "wait for more of the same before telling"),
        ("ALERT_GROUP_INTERVAL", "5m", "duration", "5m", "wait before telling of changes"),
        ("ALERT_REPEAT_INTERVAL_CRITICAL", "1h", "duration", "1h", "tell again while critical"),
        ("ALERT_REPEAT_INTERVAL_WARNING", "12h", "duration", "12h", "tell again while warning"),
        ("ALERT_TIMEZONE", "", "zone", "Europe/Berlin", "zone of times in messages, beside UTC"),
        (
            "ALERT_QUIET_HOURS",
            "",
            "hours",
            "22:00-07:00",
            "when warnings wait, in ALERT_TIMEZONE; critical alerts never do",
        ),
    ),
    "Way out for notifications": (
        (
            "ALERT_PROXY_URL",
            "",
            "proxy",
            "http://proxy.example.org:3128",
            "proxy for all receivers but mail; with a password: file proxy_url",
        ),
        ("ALERT_NO_PROXY", "", "hosts", "host.docker.internal,.example.org", "reached without it"),
        (
            "ALERT_CA_FILE",
            "",
            "path",
            "/etc/ssl/company.pem",
            "certificates to trust beside the public ones, for mail and webhooks",
        ),
    ),
    "Email (password, when the server wants one: file smtp_password)": (
        ("SMTP_SMARTHOST", "", "host_port", "smtp.example.org:587", "mail server with its port"),
        ("SMTP_FROM", "", "email", "Dream.OS <dreamos@example.org>", "sender of the messages"),
        (
            "ALERT_EMAIL_TO",
            "",
            "emails",
            "On Call <oncall@example.org>, boss@example.org",
            "receivers, with commas between",
        ),
        ("SMTP_AUTH_USERNAME", "", "text", "dreamos", "user name at the mail server"),
        ("SMTP_REQUIRE_TLS", "true", "flag", "true", "refuse a server that does not encrypt"),
        ("SMTP_HELLO", "", "host", "dreamos.example.org", "name given to the mail server"),
    ),
    "Slack (file slack_api_url, or slack_bot_token with SLACK_CHANNEL)": (
        ("SLACK_CHANNEL", "", "channel", "alerts", "channel, when not the one of the hook"),
        (
            "SLACK_URL",
            "https://slack.com/api/chat.postMessage",
            "url",
            "https://slack.com/api/chat.postMessage",
            "where a bot posts",
        ),
    ),
    "Telegram (file telegram_bot_token)": (
        ("TELEGRAM_CHAT_ID", "", "chat", "-1001234567890", "chat or group that is told"),
        ("TELEGRAM_URL", "", "url", "https://api.telegram.org", "Bot API, when not Telegram's own"),
    ),
    "PagerDuty (file pagerduty_routing_key)": (
        ("PAGERDUTY_URL", "", "url", "https://events.eu.pagerduty.com/v2/enqueue", "Events API v2"),
        ("PAGERDUTY_SEVERITIES", "critical", "severities", "critical,warning", "what pages people"),
    ),
    "What the service watches by itself": (
        ("WORKSPACE_DIR", "", "path", "/srv/dreamos", "folder with agent_workspaces, only read"),
        (
            "METRICS_WORKSPACE_AGENT_PATTERN",
            "",
            "pattern",
            "Agent-[0-9]+",
            "whole name of an agent's folder there; unset: the usual names",
        ),
        (
            "METRICS_WORKSPACE_TIMEZONE",
            "",
            "zone",
            "Europe/Berlin",
            "zone of the agents' times that name none; unset: UTC",
        ),
        ("PROBES_FILE", "", "path", "./probes.yml", "what to probe beside the stack itself"),
        (
            "OBSERVED_DIR",
            "",
            "path",
            "/srv/backup",
            "folder that file probes and pid files look into, seen as /observed, only read",
        ),
        (
            "METRICS_PROCESS_PATTERN",
            "",
            "agent_pattern",
            "agent.py --name (?P<agent>[a-z0-9-]+)",
            "searched in every command line; the group names the agent",
        ),
        (
            "METRICS_PID_FILES",
            "",
            "text",
            "/observed/*.pid,/workspace/run/*.pid",
            "pid files of agents, as the container sees them; several with commas",
        ),
    ),
    "Limits of the service": (
        ("METRICS_MAX_SERIES", "10000", "count", "10000", "series that one agent may push"),
        (
            "METRICS_NEW_SERIES_SHARE",
            "0.25",
            "share",
            "0.25",
            "share of a processor that one agent may use for new series",
        ),
        ("METRICS_MAX_LABELS", "30", "count", "30", "labels of one series"),
        ("METRICS_MAX_LABEL_VALUE", "2048", "count", "2048", "characters of a label's value"),
        ("METRICS_MAX_BODY_BYTES", "16777216", "count", "16777216", "bytes of one push, unpacked"),
        ("METRICS_DROP_AFTER", "86400", "count", "86400", "seconds of silence until it is hidden"),
    ),
    "Images (unset: the versions pinned in the project)": (
        ("PROMETHEUS_IMAGE", "", "image", "example.org/prometheus:v3", "3.5 or newer"),
        ("ALERTMANAGER_IMAGE", "", "image", "example.org/alertmanager:v0", "0.33 or newer"),
        ("GRAFANA_IMAGE", "", "grafana_image", "example.org/grafana:12", "10.4 to 13"),
        ("PYTHON_IMAGE", "", "image", "example.org/python:3", "base of the service's image"),
    ),
    "This installation": (
        (
            "COMPOSE_PROJECT_NAME",
            "dreamos",
            "project",
            "dreamos",
            "name of the containers and volumes; another one for a second stack",
        ),
        ("STACK_NAME", "dreamos", "word", "dreamos", "label `stack` on every alert of this stack"),
        ("SECRETS_DIR", "./secrets", "path", "./secrets", "folder of passwords and tokens"),
        ("GRAFANA_ENABLED", "1", "flag", "1", "0 leaves Grafana out"),
        ("GRAFANA_ADMIN_USER", "admin", "word", "admin", "first user of Grafana"),
        ("METRICS_LOG_LEVEL", "info", "level", "info", "debug, info, warning or error"),
    ),
}

VARIABLES: tuple[Variable, ...] = tuple(
    Variable(section, *row) for section, rows in _ROWS.items() for row in rows
)
BY_NAME: dict[str, Variable] = {variable.name: variable for variable in VARIABLES}

_PORTS = ("METRICS_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT")
_EMAIL = ("SMTP_SMARTHOST", "SMTP_FROM", "ALERT_EMAIL_TO")
# The rules look at five minutes: four readings have to lie in that, also when one is missed.
_LONGEST_INTERVAL = 60.0


def value(env: Mapping[str, str], name: str) -> str:
    """Return the setting `name`, or its default where `env` leaves it out or empty."""
    return env.get(name, "").strip() or BY_NAME[name].default


def flag(env: Mapping[str, str], name: str) -> bool:
    """Return whether the setting `name` is switched on."""
    return value(env, name).lower() in {"1", "true", "yes", "on"}


def known(env: Mapping[str, str]) -> dict[str, str]:
    """Return the part of `env` that belongs to the stack (a process has much else in its own)."""
    return {name: text for name, text in env.items() if name in BY_NAME}


def reachable_host(address: str) -> str:
    """Return how this machine reaches what listens on `address`, as it stands in a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    return f"[{host}]" if ":" in host else host


def links(env: Mapping[str, str]) -> dict[str, str]:
    """Return the address of each part for people: its `*_URL`, else this machine and its port.

    The keys are `METRICS_URL`, `PROMETHEUS_URL`, `ALERTMANAGER_URL` and `GRAFANA_URL`; the values
    have no slash at the end.
    """
    host = reachable_host(value(env, "BIND_ADDRESS"))
    return {
        port.replace("_PORT", "_URL"): (
            value(env, port.replace("_PORT", "_URL")) or f"http://{host}:{value(env, port)}"
        ).rstrip("/")
        for port in _PORTS
    }


def base_paths(env: Mapping[str, str]) -> dict[str, str]:
    """Return the path below which each part serves, as in its address; empty for most.

    The keys are `METRICS_PATH`, `PROMETHEUS_PATH`, `ALERTMANAGER_PATH` and `GRAFANA_PATH`.
    """
    return {
        name.replace("_URL", "_PATH"): urlsplit(url).path.rstrip("/")
        for name, url in links(env).items()
    }


def check(env: Mapping[str, str], mentioned: Collection[str] = ()) -> list[Problem]:
    """Return every problem in `env`, in the order of the table; none means that it can be used.

    `env` holds what the person wrote (the content of `.env`), so a name that looks like a misspelt
    one of ours is a problem too, unless it is `mentioned` elsewhere, in the person's own additions.
    Pass `known(os.environ)` for a process's own.
    """
    problems = [problem for name in env if (problem := foreign.misspelt(name, BY_NAME, mentioned))]
    problems += foreign.check(env)
    problems += [problem for item in VARIABLES if (problem := _one(item, env))]
    broken = {problem.variable for problem in problems}
    return problems + [found for found in _together(env) if found.variable not in broken]


def env_example() -> str:
    """Return the text of `.env.example`: every setting with its help, commented out."""
    lines = [
        "# Settings of the Dream.OS metrics stack. Copy this file to .env and uncomment what you",
        "# change; `make up` checks it. Passwords and tokens are files in SECRETS_DIR, never here.",
    ]
    for section, rows in _ROWS.items():
        lines += ["", f"# {section}", "#"]
        for name, default, _kind, example, text in rows:
            shown = f"{name}={default or example}"
            lines.append(f"# {text}" + ("" if default else " (unset by default)"))
            lines.append(f"#{shown}")
    return "\n".join(lines) + "\n"


def _one(variable: Variable, env: Mapping[str, str]) -> Problem | None:
    text = value(env, variable.name)
    kind: Kind = KINDS[variable.kind]
    if not text or (wrong := kind(text)) is None:
        return None
    return Problem(variable.name, f"{text!r} {wrong}", _example(variable.name))


def _together(env: Mapping[str, str]) -> list[Problem]:
    return [*_same_ports(env), *_half_an_email(env), *_long_intervals(env)]


def _same_ports(env: Mapping[str, str]) -> list[Problem]:
    taken: dict[str, str] = {}
    problems = []
    for name in _PORTS:
        other = taken.setdefault(value(env, name), name)
        if other != name:
            wrong = f"{value(env, name)!r} is also {other}"
            problems.append(Problem(name, wrong, f"{name}={int(value(env, name)) + 1}"))
    return problems


def _half_an_email(env: Mapping[str, str]) -> list[Problem]:
    given = [name for name in (*_EMAIL, "SMTP_AUTH_USERNAME") if value(env, name)]
    if not given:
        return []
    return [
        Problem(name, f"is missing, and {given[0]} is set: email needs both", _example(name))
        for name in _EMAIL
        if not value(env, name)
    ]


def _long_intervals(env: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(name, f"{value(env, name)!r} is over 1m: the rules look at 5m", _example(name))
        for name in ("SCRAPE_INTERVAL", "EVALUATION_INTERVAL")
        if (duration_seconds(value(env, name)) or 0) > _LONGEST_INTERVAL
    ]


def _example(name: str) -> str:
    return f"{name}={BY_NAME[name].example}"
