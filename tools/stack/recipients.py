"""Recipients of alerts: who is told of what, or that nobody is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.render import receivers, secrets
from tools.render.variables import value

_NAMES = {
    "pagerduty": "PagerDuty",
    "discord": "Discord",
    "msteamsv2": "Microsoft Teams",
    "telegram": "Telegram",
}


def lines(values: Mapping[str, str], folder: Path) -> list[str]:
    """Return who is told of which alerts, a line for each severity.

    Args:
        values: the settings.
        folder: the secrets.
    """
    found, _ = secrets.read(folder, values)
    told = {
        severity: [
            _named(kind.removesuffix("_configs"), values)
            for kind in receivers.filled(severity, values, found)
        ]
        for severity in ("critical", "warning")
    }
    rows = [
        f"{severity:10} {', '.join(names) or 'nobody'}"
        for severity, names in {**told, "info": [], "Watchdog": _watchdog(found)}.items()
    ]
    if not any(told.values()):
        rows.append(
            "Nobody is told of any alert: put the address of a Slack hook into "
            f"{folder}/alertmanager/slack_api_url, or see docs/alerting.md for mail, PagerDuty, "
            "Discord and webhooks; then `make up`."
        )
    if "watchdog_webhook_url" not in found:
        rows.append(
            "If all of this stack dies, nobody hears of it: put the address of a dead man's switch "
            f"into {folder}/alertmanager/watchdog_webhook_url."
        )
    return rows


def _named(kind: str, values: Mapping[str, str]) -> str:
    if kind == "email":
        return f"mail to {value(values, 'ALERT_EMAIL_TO')}"
    if kind == "slack":
        channel = value(values, "SLACK_CHANNEL")
        return f"Slack ({channel})" if channel else "Slack (the hook's channel)"
    return _NAMES.get(kind, kind)


def _watchdog(found: secrets.Secrets) -> list[str]:
    return ["dead man's switch"] if "watchdog_webhook_url" in found else []
