"""GET /: the service, its agents and its figures on one page, for a person without Grafana."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from flask import Blueprint, Response, request
from markupsafe import Markup, escape

from services.metrics.alerts import Alerts
from services.metrics.errors import Rejected
from services.metrics.overview import MOODS, Agent, Overview, read
from services.metrics.routes.context import rejected, require, service
from services.metrics.routes.html import page
from services.metrics.routes.runbooks import files

blueprint = Blueprint("page", __name__)

REFRESH = 15
"""Seconds after which the browser asks again, unless it was told not to."""
SHOWN = 50
"""Agents in the list; the troubled ones stand on top."""
SHOWN_AT_MOST = 1_000
"""Agents in the list when somebody asks for more."""
_FIRE = ("alert fires", "alerts fire")
_NARROW = "\N{NARROW NO-BREAK SPACE}"


@blueprint.get("/")
def status_page() -> Response:
    """Show the page. With a read token configured the browser asks for it: any user, the token."""
    running = service()
    if running.auth.needs_token("read") and "Authorization" not in request.headers:
        return _ask_for_token(page("token.html", 401))
    try:
        require("read")
    except Rejected as rejection:
        if rejection.status == 401:
            return _ask_for_token(rejected(rejection))
        raise
    overview = read(running)
    wanted = _wanted(overview)
    limit = SHOWN_AT_MOST if "more" in request.args else SHOWN
    settings = running.settings
    return page(
        "status.html",
        overview=overview,
        verdict=verdict(overview),
        alerts=overview.alerts.firing[:limit],
        hidden_alerts=max(0, len(overview.alerts.firing) - limit),
        fired=overview.history.fired[:limit],
        hidden_fired=max(0, len(overview.history.fired) - limit),
        runbooks=files(),
        agents=wanted[:limit],
        hidden=max(0, len(wanted) - limit),
        searchable=len(overview.agents) > SHOWN,
        can_show_more=limit < SHOWN_AT_MOST,
        most=SHOWN_AT_MOST,
        asked=_asked(),
        refresh=None if "still" in request.args else REFRESH,
        links=(
            ("Grafana", settings.grafana_enabled and settings.grafana_link, "the dashboards"),
            ("Prometheus", settings.prometheus_link, "queries and rules"),
            ("Alertmanager", settings.alertmanager_link, "alerts and silences"),
        ),
        ago=Ago(overview.now),
        clock=clock,
        number=number,
        size=size,
        span=span,
    )


def _ask_for_token(response: Response) -> Response:
    """Let the browser open its own dialog. The first visit is no failed attempt."""
    response.headers["WWW-Authenticate"] = 'Basic realm="dreamos", charset="UTF-8"'
    return response


def _asked() -> dict[str, str]:
    """Return the parameters that the page knows, as they were given."""
    given = {name: request.args.get(name, "")[:200] for name in ("state", "name")}
    return {
        "state": given["state"] if given["state"] in MOODS else "",
        "name": given["name"].strip(),
    }


def _wanted(overview: Overview) -> list[Agent]:
    asked = _asked()
    name = asked["name"].casefold()
    return [
        agent
        for agent in overview.agents
        if asked["state"] in ("", agent.mood) and name in agent.name.casefold()
    ]


def verdict(overview: Overview) -> tuple[str, str]:
    """Return the mood of the whole (good, warn or bad) and one sentence for it."""
    parts = [name for name, status, _ in overview.components if status != "healthy"]
    if overview.status != "healthy":
        mood = "bad" if overview.status == "unhealthy" else "warn"
        firing = "".join(f"; {trouble}" for trouble in _alert_troubles(overview.alerts))
        mood = "bad" if overview.alerts.count("critical") else mood
        return mood, f"The service is {overview.status}: {', '.join(parts)}{firing}."
    troubles = [*_alert_troubles(overview.alerts), *_agent_troubles(overview)]
    if troubles:
        mood = "bad" if overview.alerts.count("critical") else "warn"
        return mood, f"The service is well; {', '.join(troubles)}."
    return "good", "All is well." if overview.agents else "The service is well; no agent yet."


def _alert_troubles(alerts: Alerts) -> list[str]:
    troubles = []
    for muted in (False, True):
        counts = {name: alerts.count(name, muted) for name in ("critical", "warning")}
        told = " and ".join(f"{number(count)} {name}" for name, count in counts.items() if count)
        total = sum(counts.values())
        if told:
            one, more = ("alert is muted", "alerts are muted") if muted else _FIRE
            troubles.append(f"{told} {one if total == 1 else more}")
    if alerts.problem:
        troubles.append("not every alert may be known" if troubles else "alerts are not known")
    return troubles


def _agent_troubles(overview: Overview) -> list[str]:
    troubles = []
    if overview.moods["lost"]:
        troubles.append(f"{_agents(overview.moods['lost'])} fell silent")
    if overview.moods["stalled"]:
        count = overview.moods["stalled"]
        who = number(count) if troubles else _agents(count)
        troubles.append(f"{who} {'hangs' if count == 1 else 'hang'} past a deadline")
    return troubles


def _agents(count: int) -> str:
    return f"{number(count)} agent{'' if count == 1 else 's'}"


def number(value: float) -> str:
    """Return a count as people read it: whole, in groups of three digits."""
    if not math.isfinite(value):
        return "?"
    return f"{value:,.0f}".replace(",", _NARROW)


def size(value: float) -> str:
    """Return a number of bytes with three digits and its unit."""
    if not math.isfinite(value):
        return "?"
    unit = 0
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1
    return f"{value:,.{digits}f}{_NARROW}{units[unit]}".replace(",", _NARROW)


def span(seconds: float) -> str:
    """Return a length of time in its one or two largest units."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600 and whole % 60:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 3600:
        return f"{whole // 60} min"
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{number(days)} d {hours} h" if hours else f"{number(days)} d"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock(moment: float) -> str:
    """Return the time of day of a Unix time."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%H:%M:%S UTC")


class Ago:
    """Shows a moment as its age; the exact time is what the pointer shows.

    Args:
        now: Unix time that ages are counted to.
    """

    def __init__(self, now: float) -> None:
        self._now = now

    def __call__(self, moment: float) -> Markup:
        """Return the age of a Unix time in seconds; 0 is shown as never."""
        if not 0 < moment < 1e11:
            return Markup('<span class="never">never</span>')
        exact = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        age = escape(span(self._now - moment).replace(" ", "\N{NO-BREAK SPACE}"))
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, age)
