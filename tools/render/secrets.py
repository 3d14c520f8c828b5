"""The secret files of Alertmanager: which are there, and whether each holds what it should.

A rendered configuration names the file, never its content; so only Alertmanager and this check
ever read it, and no problem quotes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.render.kinds import KINDS
from tools.render.variables import Problem, value

MOUNTED_AT = "/run/secrets/alertmanager"
"""Where Alertmanager's container sees the folder of secrets."""

KIND_OF: dict[str, tuple[str, str]] = {
    "smtp_password": ("text", "the password of SMTP_AUTH_USERNAME"),
    "slack_api_url": ("secret_url", "https://hooks.slack.com/services/..."),
    "pagerduty_routing_key": ("word", "the integration key of an Events API v2 service"),
    "discord_webhook_url": ("secret_url", "https://discord.com/api/webhooks/..."),
    "webhook_url": ("secret_url", "https://example.org/alerts"),
    "webhook_token": ("text", "the bearer token that the webhook expects"),
    "watchdog_webhook_url": ("secret_url", "https://hc-ping.com/..."),
    "ca.pem": ("certificates", "-----BEGIN CERTIFICATE----- ..."),
}
"""Each secret file with the kind of its content and an example of it."""


@dataclass(frozen=True)
class Secrets:
    """The secret files that hold something.

    Attributes:
        present: their names.
        authorities: the certificates in `ca.pem`, which are no secret.
    """

    present: frozenset[str]
    authorities: str = ""

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
    authorities = ""
    for name, (kind, example) in KIND_OF.items():
        try:
            text = (folder / "alertmanager" / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not text in UTF-8"
            problems.append(Problem(f"secret file {name}", f"cannot be read ({reason})", example))
            continue
        if not text:
            continue
        present.add(name)
        authorities = text if name == "ca.pem" else authorities
        if wrong := KINDS[kind](text):
            problems.append(Problem(f"secret file {name}", f"its content {wrong}", example))
    return Secrets(frozenset(present), authorities), problems + _incomplete(present, env)


def _incomplete(present: set[str], env: Mapping[str, str]) -> list[Problem]:
    problems = []
    if value(env, "SMTP_AUTH_USERNAME") and "smtp_password" not in present:
        wrong = "is missing or empty, and SMTP_AUTH_USERNAME is set"
        problems.append(Problem("secret file smtp_password", wrong, KIND_OF["smtp_password"][1]))
    if "webhook_token" in present and "webhook_url" not in present:
        wrong = "is missing or empty, and webhook_token is there"
        problems.append(Problem("secret file webhook_url", wrong, KIND_OF["webhook_url"][1]))
    return problems
