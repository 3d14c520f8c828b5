"""The integrations of an Alertmanager receiver: one function each, empty when not configured.

Every HTTP integration has a time-out (Alertmanager's default is none at all), and all of them say
what happens when an alert ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tools.render.addresses import written
from tools.render.secrets import Secrets
from tools.render.variables import flag, value

Config = dict[str, Any]
Integration = Callable[[Mapping[str, str], Secrets], "Config | None"]

TIMEOUT = "10s"
MOST_ALERTS = 50
"""How many alerts one webhook message lists; it tells how many it left out."""


def email(env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the email integration, when SMTP_SMARTHOST and its companions are set."""
    if not value(env, "SMTP_SMARTHOST"):
        return None
    config: Config = {
        "to": ", ".join(written(value(env, "ALERT_EMAIL_TO"))),
        "from": written(value(env, "SMTP_FROM"))[0],
        "smarthost": value(env, "SMTP_SMARTHOST"),
        "require_tls": flag(env, "SMTP_REQUIRE_TLS"),
        "send_resolved": True,
        "headers": {"Subject": '{{ template "dreamos.subject" . }}'},
        "html": '{{ template "dreamos.email.html" . }}',
        "text": '{{ template "dreamos.email.text" . }}',
    }
    if hello := value(env, "SMTP_HELLO"):
        config["hello"] = hello
    if user := value(env, "SMTP_AUTH_USERNAME"):
        config["auth_username"] = user
        config["auth_password_file"] = secrets.path("smtp_password")
    return config


def slack(env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the Slack integration, when slack_api_url or slack_bot_token is there."""
    if "slack_api_url" in secrets:
        way: Config = {"api_url_file": secrets.path("slack_api_url")}
    elif "slack_bot_token" in secrets:
        token = {"type": "Bearer", "credentials_file": secrets.path("slack_bot_token")}
        way = {"api_url": value(env, "SLACK_URL"), "http_config": {"authorization": token}}
    else:
        return None
    config: Config = {
        **way,
        "send_resolved": True,
        "timeout": TIMEOUT,
        "username": "Dream.OS alerts",
        "color": '{{ template "dreamos.slack.color" . }}',
        "fallback": '{{ template "dreamos.subject" . }}',
        "title": '{{ template "dreamos.subject" . }}',
        "title_link": '{{ template "dreamos.alertmanager" . }}',
        "text": '{{ template "dreamos.slack.text" . }}',
        "footer": '{{ template "dreamos.stack" . }}',
    }
    if channel := value(env, "SLACK_CHANNEL"):
        config["channel"] = channel
    return config


def pagerduty(env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the PagerDuty integration (Events API v2), when pagerduty_routing_key is there."""
    if "pagerduty_routing_key" not in secrets:
        return None
    config: Config = {
        "routing_key_file": secrets.path("pagerduty_routing_key"),
        "send_resolved": True,
        "timeout": TIMEOUT,
        "description": '{{ template "dreamos.subject" . }}',
        "severity": '{{ template "dreamos.pagerduty.severity" . }}',
        "source": '{{ template "dreamos.stack" . }}',
        "component": "{{ .CommonLabels.job }}",
        "group": "{{ .CommonLabels.agent }}",
        "class": "{{ .CommonLabels.alertname }}",
        "client": "Dream.OS metrics",
        "client_url": '{{ template "dreamos.alertmanager" . }}',
        "links": [
            {"text": "Runbook", "href": '{{ template "dreamos.runbook" . }}'},
            {"text": "Silence", "href": '{{ template "dreamos.silence" . }}'},
        ],
        # As data, because Alertmanager reads a text here as YAML: "Agent-1: fails" would turn into
        # a field of its own. The keys are those that it would otherwise fill itself.
        "details": {
            "num_firing": "{{ .Alerts.Firing | len }}",
            "num_resolved": "{{ .Alerts.Resolved | len }}",
            "firing": '{{ template "dreamos.json" .Alerts.Firing }}',
            "resolved": '{{ template "dreamos.json" .Alerts.Resolved }}',
        },
    }
    if url := value(env, "PAGERDUTY_URL"):
        config["url"] = url
    return config


def discord(_env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the Discord integration, when the secret file discord_webhook_url is there."""
    if "discord_webhook_url" not in secrets:
        return None
    return {
        "webhook_url_file": secrets.path("discord_webhook_url"),
        "send_resolved": True,
        "username": "Dream.OS alerts",
        "title": '{{ template "dreamos.subject" . }}',
        "message": '{{ template "dreamos.discord.message" . }}',
    }


def teams(_env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the Microsoft Teams integration, when the secret file teams_webhook_url is there."""
    if "teams_webhook_url" not in secrets:
        return None
    return {
        "webhook_url_file": secrets.path("teams_webhook_url"),
        "send_resolved": True,
        "title": '{{ template "dreamos.subject" . }}',
        "text": '{{ template "dreamos.teams.text" . }}',
    }


def telegram(env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the Telegram integration, when the secret file telegram_bot_token is there."""
    if "telegram_bot_token" not in secrets:
        return None
    config: Config = {
        "bot_token_file": secrets.path("telegram_bot_token"),
        "chat_id": int(value(env, "TELEGRAM_CHAT_ID")),
        "send_resolved": True,
        "parse_mode": "",
        "message": '{{ template "dreamos.telegram.text" . }}',
    }
    if url := value(env, "TELEGRAM_URL"):
        config["api_url"] = url
    return config


def webhook(_env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the custom webhook, when the secret file webhook_url is there."""
    if "webhook_url" not in secrets:
        return None
    config = _webhook("webhook_url", secrets, send_resolved=True)
    if "webhook_token" in secrets:
        token = {"type": "Bearer", "credentials_file": secrets.path("webhook_token")}
        config["http_config"] = {"authorization": token}
    return config


def watchdog(_env: Mapping[str, str], secrets: Secrets) -> Config | None:
    """Return the webhook that is told that alerting works, when watchdog_webhook_url is there.

    It hears nothing of the end: for a dead man's switch, silence is the message.
    """
    if "watchdog_webhook_url" not in secrets:
        return None
    return _webhook("watchdog_webhook_url", secrets, send_resolved=False)


def _webhook(name: str, secrets: Secrets, *, send_resolved: bool) -> Config:
    return {
        "url_file": secrets.path(name),
        "send_resolved": send_resolved,
        "max_alerts": MOST_ALERTS,
        "timeout": TIMEOUT,
    }


INTEGRATIONS: dict[str, Integration] = {
    "email": email,
    "slack": slack,
    "pagerduty": pagerduty,
    "discord": discord,
    "msteamsv2": teams,
    "telegram": telegram,
    "webhook": webhook,
}
"""What people and programs are told by; the key and `_configs` make Alertmanager's own name."""


def filled(severity: str, env: Mapping[str, str], secrets: Secrets) -> Config:
    """Return the integrations that are told of alerts of `severity`, critical or warning."""
    result: Config = {}
    for name, integration in INTEGRATIONS.items():
        config = integration(env, secrets)
        if config is not None and (name != "pagerduty" or severity in paging(env)):
            result[f"{name}_configs"] = [config]
    return result


def paging(env: Mapping[str, str]) -> set[str]:
    """Return the severities that page people."""
    return {part.strip() for part in value(env, "PAGERDUTY_SEVERITIES").split(",")}
