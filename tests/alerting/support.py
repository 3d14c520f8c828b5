"""Settings, secret files and a rendered configuration for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.rules.tooling import DEPLOY
from tools.render.__main__ import render

EMAIL = {
    "SMTP_SMARTHOST": "smtp.example.org:587",
    "SMTP_FROM": "dreamos@example.org",
    "ALERT_EMAIL_TO": "oncall@example.org, boss@example.org",
}
SECRETS = {
    "slack_api_url": "https://slack.example.org/services/T0/B0/planted-slack",
    "pagerduty_routing_key": "plantedPagerduty",
    "teams_webhook_url": "https://teams.example.org/planted-teams",
    "telegram_bot_token": "123456:planted-telegram",
    "discord_webhook_url": "https://discord.example.org/api/webhooks/1/planted-discord",
    "webhook_url": "https://hook.example.org/planted-webhook",
}
EXTRA_SECRETS = {
    "smtp_password": "planted-smtp",
    "webhook_token": "planted-token",
    "watchdog_webhook_url": "https://beat.example.org/planted-watchdog",
}
ALL_SETTINGS = {
    **EMAIL,
    "SMTP_AUTH_USERNAME": "dreamos",
    "SLACK_CHANNEL": "alerts",
    "TELEGRAM_CHAT_ID": "-1001",
}
ALL_SECRETS = {**SECRETS, **EXTRA_SECRETS}
WATCHED = ("email", "slack", "pagerduty", "discord", "msteamsv2", "telegram", "webhook")


@dataclass
class Rendering:
    """A place to render into, with the settings and secrets to render from."""

    base: Path
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """The folder that is written."""
        return self.base / "generated"

    @property
    def secret_files(self) -> Path:
        """The folder of the secret files."""
        return self.base / "secrets"

    def run(self, ca: Path | None = None) -> list[str]:
        """Render; return the problems."""
        folder = self.secret_files / "alertmanager"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.secrets.items():
            (folder / name).write_text(text + "\n", encoding="utf-8")
        return render(DEPLOY, self.secret_files, self.out, self.env, ca=ca)

    def load(self, name: str) -> Any:
        """Return a rendered file as data."""
        return yaml.safe_load((self.out / name).read_text(encoding="utf-8"))

    def receiver(self, name: str) -> dict[str, Any]:
        """Return one receiver of the rendered Alertmanager configuration."""
        found: list[dict[str, Any]] = [
            receiver
            for receiver in self.load("alertmanager/alertmanager.yml")["receivers"]
            if receiver["name"] == name
        ]
        return found[0]

    def integrations(self, name: str) -> set[str]:
        """Return what one receiver tells: email, slack, ..."""
        return {key.removesuffix("_configs") for key in self.receiver(name)} - {"name"}

    def mounts(self) -> dict[Path, str]:
        """Return what Alertmanager's container would have mounted."""
        return {
            self.out: "/generated",
            self.secret_files / "alertmanager": "/run/secrets/alertmanager",
            DEPLOY / "alertmanager": "/etc/alertmanager",
        }


def everything(base: Path, **env: str) -> Rendering:
    """Return a rendering with every receiver configured."""
    return Rendering(base, {**ALL_SETTINGS, **env}, ALL_SECRETS)
