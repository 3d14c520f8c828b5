"""`make status`: every hop from the containers to Prometheus' targets and the alerts that fire."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from .compose import LASTING, Compose
from .console import StackError, say
from .freshness import show_freshness
from .preflight import Settings


def show_status(compose: Compose, settings: Settings) -> None:
    """Print the state of each part, of each scrape target, of the samples, and the firing alerts.

    Raises:
        StackError: when a part that was started is not healthy, or samples or evaluations are old, so
            that the exit code says it too.
    """
    parts = compose.parts()
    links = settings.links()
    if not parts:
        say("Nothing is running: `make up` starts the stack.")
        return
    broken = []
    for name in LASTING:
        part = parts.get(name)
        url = links[f"{name.upper()}_URL"]
        words = f"{part.state}, {part.health or 'no health check'}" if part else "not started"
        say(f"  {name:14} {words:22} {url}")
        if part and not part.ready:
            broken.append(name)
    prometheus = f"http://{settings['BIND_ADDRESS']}:{settings['PROMETHEUS_PORT']}"
    _show_targets(prometheus)
    if "prometheus" in parts:
        broken += show_freshness(lambda path: _get(f"{prometheus}/api/v1/{path}"))
    _show_alerts(prometheus)
    if broken:
        raise StackError(f"not healthy: {', '.join(broken)}; see `make logs`")


def _show_targets(prometheus: str) -> None:
    say("\n  What Prometheus reads:")
    try:
        targets = _get(f"{prometheus}/api/v1/targets?state=active")["activeTargets"]
    except (OSError, ValueError, KeyError) as error:
        say(f"    Prometheus does not answer: {error}")
        return
    for target in targets:
        say(f"    {target['labels']['job']:18} {target['health']:8} {target['lastError']}".rstrip())


def _show_alerts(prometheus: str) -> None:
    try:
        alerts = _get(f"{prometheus}/api/v1/alerts")["alerts"]
    except (OSError, ValueError, KeyError):
        return
    shown = [alert for alert in alerts if alert["labels"]["alertname"] != "Watchdog"]
    say("\n  Alerts: " + ("none" if not shown else ""))
    for alert in shown:
        labels = alert["labels"]
        where = labels.get("agent") or labels.get("job", "")
        say(
            f"    {alert['state']:8} {labels['alertname']:22} {labels.get('severity', ''):9} {where}"
        )


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
        return json.load(answer)["data"]
