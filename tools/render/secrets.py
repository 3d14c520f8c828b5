"""The secret files of Alertmanager: which are there, and whether each holds what it should.

A rendered configuration names the file, never its content; so only Alertmanager and this check
ever read it, and no problem quotes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.render.foreign import Problem
from tools.render.kinds import KINDS
from tools.render.variables import value

MOUNTED_AT = "/run/secrets/alertmanager"
"""Where Alertmanager's container sees the folder of secrets."""

KIND_OF: dict[str, tuple[str, str]] = {
    "smtp_password": ("text", "the password of SMTP_AUTH_USERNAME"),
    "slack_api_url": ("secret_url", "https://hooks.slack.com/services/..."),
    "slack_bot_token": ("text", "xoxb-..."),
    "teams_webhook_url": ("secret_url", "https://example.webhook.office.com/..."),
    "telegram_bot_token": ("text", "123456:ABC-..."),
    "pagerduty_routing_key": ("word", "the integration key of an Events API v2 service"),
    "discord_webhook_url": ("secret_url", "https://discord.com/api/webhooks/..."),
    "webhook_url": ("secret_url", "https://example.org/alerts"),
    "webhook_token": ("text", "the bearer token that the webhook expects"),
    "watchdog_webhook_url": ("secret_url", "https://hc-ping.com/..."),
    "proxy_url": ("secret_url", "http://user:password@proxy.example.org:3128"),
}
"""Each secret file with the kind of its content and an example of it."""


_MEANT: tuple[tuple[str, str], ...] = (
    (r"slack.*(bot|token)", "slack_bot_token"),
    (r"slack", "slack_api_url"),
    (r"teams", "teams_webhook_url"),
    (r"telegram", "telegram_bot_token"),
    (r"pager|(^|_)pd(_|$)", "pagerduty_routing_key"),
    (r"discord", "discord_webhook_url"),
    (r"watchdog|heartbeat|dead|snitch|hc_?ping", "watchdog_webhook_url"),
    (r"proxy", "proxy_url"),
    (r"smtp|mail", "smtp_password"),
    (r"token|bearer", "webhook_token"),
    (r"hook", "webhook_url"),
)
"""Words in the name of a file that nothing reads, with the file that was meant; the first counts."""


_BESIDE = (
    ("slack_bot_token", "SLACK_CHANNEL", "alerts"),
    ("telegram_bot_token", "TELEGRAM_CHAT_ID", "-1001234567890"),
)
"""Settings that a secret file does not work without."""


@dataclass(frozen=True)
class Secrets:
    """The secret files that hold something.

    Attributes:
        present: their names.
        proxy: content of `proxy_url`, the one secret that Alertmanager reads from no file.
    """

    present: frozenset[str]
    proxy: str = ""

    def __contains__(self, name: object) -> bool:
        """Return whether the file `name` is there and not empty."""
        return name in self.present

    def path(self, name: str) -> str:
        """Return where Alertmanager finds the file `name`."""
        if name not in KIND_OF:
            raise KeyError(name)
        return f"{MOUNTED_AT}/{name}"


def read(folder: Path, env: Mapping[str, str]) -> tuple[Secrets, list[Problem]]:
    """Look at the secret files in `folder`/alertmanager; return what is there and what is wrong.

    An absent file and an empty one mean the same: not configured.
    """
    present = set()
    problems = []
    for name, (kind, example) in KIND_OF.items():
        text, wrong = content(folder / "alertmanager" / name)
        if text:
            present.add(name)
            wrong = (wrong_content := KINDS[kind](text)) and f"its content {wrong_content}"
        if wrong:
            problems.append(Problem(f"secret file {name}", wrong, example))
    problems += [_misnamed(name, meant) for name, meant in misnamed(folder) if meant not in present]
    proxy, _ = content(folder / "alertmanager" / "proxy_url")
    return Secrets(frozenset(present), proxy), problems + _incomplete(present, env)


def content(path: Path) -> tuple[str, str | None]:
    """Return what a secret file holds, empty where it is absent, and why it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig").strip(), None
    except FileNotFoundError:
        return "", None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text in UTF-8"
        return "", f"cannot be read ({reason})"


def misnamed(folder: Path) -> list[tuple[str, str]]:
    """Return the files beside the secrets that nothing reads, each with the one that is meant.

    Hidden files and copies that an editor keeps are no secrets of anybody's.
    """
    try:
        names = sorted(path.name for path in (folder / "alertmanager").iterdir() if path.is_file())
    except OSError:
        return []
    strange = [name for name in names if name not in KIND_OF and not _is_leftover(name)]
    meant = {name: _meant(name) for name in strange}
    return [(name, found) for name, found in meant.items() if found]


def _is_leftover(name: str) -> bool:
    return name.startswith((".", "#")) or name.endswith(("~", ".bak", ".old", ".orig", ".swp"))


def _meant(name: str) -> str:
    word = name.lower().replace("-", "_")
    return next((right for pattern, right in _MEANT if re.search(pattern, word)), "")


def _misnamed(name: str, meant: str) -> Problem:
    wrong = f"nothing reads it; is {meant} meant?"
    return Problem(f"secret file {name}", wrong, f"mv {name} {meant}")


def _incomplete(present: set[str], env: Mapping[str, str]) -> list[Problem]:
    problems = []
    if value(env, "SMTP_AUTH_USERNAME") and "smtp_password" not in present:
        wrong = "is missing or empty, and SMTP_AUTH_USERNAME is set"
        problems.append(Problem("secret file smtp_password", wrong, KIND_OF["smtp_password"][1]))
    for file, setting, example in _BESIDE:
        if file in present and not value(env, setting):
            wrong = f"is missing, and the secret file {file} is there"
            problems.append(Problem(setting, wrong, f"{setting}={example}"))
    if {"slack_api_url", "slack_bot_token"} <= present:
        wrong = "is one way to Slack too many beside slack_api_url"
        problems.append(Problem("secret file slack_bot_token", wrong, "only one of the two"))
    if "webhook_token" in present and "webhook_url" not in present:
        wrong = "is missing or empty, and webhook_token is there"
        problems.append(Problem("secret file webhook_url", wrong, KIND_OF["webhook_url"][1]))
    return problems
