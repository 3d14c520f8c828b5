"""`make status`: every hop from the containers to Prometheus' targets and the alerts that fire."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tools.render.kinds import duration_seconds

from . import recipients
from .compose import LASTING, Compose, Part
from .console import StackError, say
from .http import get_json
from .settings import Settings

FRESH_SECONDS = 60.0
"""Age up to which a sample or an evaluation is fresh, at least; four intervals when they are longer."""


def show_status(compose: Compose, settings: Settings) -> None:
    """Print the state of each part, of each scrape target, the firing alerts, and who is told.

    Raises:
        StackError: when a part that was started is not healthy, or no samples are stored or judged,
            so that the exit code says it too.
    """
    parts = compose.parts()
    if not parts:
        say("Nothing is running: `make up` starts the stack.")
        return
    prometheus = settings.addresses()["prometheus"]
    broken = _show_parts(parts, settings.links())
    _show_targets(prometheus)
    broken += _show_freshness(prometheus, settings)
    _show_alerts(prometheus, fresh=not broken)
    say("\n  Who is told of alerts:")
    for line in recipients.lines(settings.values, settings.secrets_folder()):
        say(f"    {line}")
    if broken:
        raise StackError(f"not healthy: {', '.join(broken)}; see `make logs`")


def _show_parts(parts: Mapping[str, Part], links: Mapping[str, str]) -> list[str]:
    broken = []
    others = sorted(name for name, part in parts.items() if name not in LASTING and part.lasts)
    for name in [*LASTING, *others]:
        part = parts.get(name)
        words = f"{part.state}, {part.health or 'no health check'}" if part else "not started"
        say(
            f"  {name:14} {words:22} {links.get(f'{name.upper()}_URL', 'inside the stack only')}".rstrip()
        )
        if part and not part.ready:
            broken.append(name)
    return broken


def _show_targets(prometheus: str) -> None:
    say("\n  What Prometheus reads:")
    try:
        targets = _get(f"{prometheus}/api/v1/targets?state=active")["activeTargets"]
    except (OSError, ValueError, KeyError) as error:
        say(f"    Prometheus does not answer: {error}")
        return
    for target in targets:
        say(f"    {target['labels']['job']:18} {target['health']:8} {target['lastError']}".rstrip())


def _show_freshness(prometheus: str, settings: Settings) -> list[str]:
    """Tell how old the newest stored sample and the last evaluation are; return what is too old."""
    say("\n  Stored and judged:")
    broken = []
    for title, age, interval in (
        ("newest sample", _sample_age(prometheus), "SCRAPE_INTERVAL"),
        ("last evaluation", _evaluation_age(prometheus), "EVALUATION_INTERVAL"),
    ):
        limit = max(FRESH_SECONDS, 4 * (duration_seconds(settings[interval]) or 0))
        old = age is None or age > limit
        words = "none" if age is None else f"{age:.0f} s ago"
        say(f"    {title:18} {words}{f', over {limit:.0f} s: nothing is watched' if old else ''}")
        if old:
            broken.append(f"{title} {words}")
    return broken


def _sample_age(prometheus: str) -> float | None:
    expression = quote("time() - max(timestamp(up))")
    try:
        result = _get(f"{prometheus}/api/v1/query?query={expression}")["result"]
        return float(result[0]["value"][1])
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _evaluation_age(prometheus: str) -> float | None:
    """Return the age of the oldest group's last evaluation."""
    try:
        groups = _get(f"{prometheus}/api/v1/rules")["groups"]
        ages = [time.time() - _moment(group["lastEvaluation"]) for group in groups]
        return max(ages, default=None)
    except (OSError, ValueError, KeyError):
        return None


def _moment(text: str) -> float:
    # Python before 3.11 reads neither nanoseconds nor a Z.
    plain = re.sub(r"\.\d+", "", text).replace("Z", "+00:00")
    return datetime.fromisoformat(plain).timestamp()


def _show_alerts(prometheus: str, *, fresh: bool) -> None:
    try:
        alerts = _get(f"{prometheus}/api/v1/alerts")["alerts"]
    except (OSError, ValueError, KeyError):
        return
    shown = [alert for alert in alerts if alert["labels"]["alertname"] != "Watchdog"]
    none = "none" if fresh else "none known, see above"
    say("\n  Alerts: " + (none if not shown else ""))
    for alert in shown:
        labels = alert["labels"]
        where = labels.get("agent") or labels.get("job", "")
        say(
            f"    {alert['state']:8} {labels['alertname']:22} {labels.get('severity', ''):9} {where}"
        )


def _get(url: str) -> Any:
    return get_json(url)["data"]
