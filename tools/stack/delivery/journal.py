"""Journal of a test: what Alertmanager's log says of each message, in words that give no secret away."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

LONGEST_REASON = 300
MINIMUM_SECRET = 6

_GIVEN_UP = re.compile(
    r"^(?P<receiver>[^/\n]+)/[a-z0-9_]+\[\d+\]: notify retry canceled .*?after \d+ attempts?: "
    r"(?P<reason>.*)",
    re.DOTALL,
)
# Who knows the path of a hook can write to it; the host is enough to know which one it is.
_ADDRESS = re.compile(r'(https?://)(?:[^/\s"@]+@)?([^/\s"?]+)([/?][^\s"]*?)?(?=[:,]?(?:[\s"]|$))')

_HINTS = (
    (
        r"deadline exceeded|i/o timeout",
        "it took the connection or not even that, and never answered",
    ),
    (r"connection refused", "nothing listens at that address"),
    (r"no such host|server misbehaving", "that host has no address: misspelt?"),
    (r"x509|certificate", "its certificate is not trusted: docs/alerting.md, ALERT_CA_FILE"),
    (r"invalid_auth|not_authed|token_revoked|\b40[13]\b", "it does not accept the token or key"),
    (
        r"channel_not_found|not_in_channel|chat not found",
        "no such channel, or the bot is not in it",
    ),
    (r"\b404\b|no_service|\b410\b", "nothing is at that address: was the hook deleted?"),
    (r"RCPT command", "the mail server refuses ALERT_EMAIL_TO"),
    (r"MAIL command", "the mail server refuses the sender, SMTP_FROM"),
    (r"\bauth\b|\b535\b", "the mail server refuses the user or the password"),
    (r"\b429\b", "it was sent too much: try later"),
    (r"\b5\d\d\b", "it has a failure of its own"),
)
"""What an answer means, for who does not know it; the first that matches counts."""


@dataclass(frozen=True)
class Outcome:
    """What became of one message.

    Attributes:
        delivered: whether the other side took it.
        reason: why not, as the other side said it; empty when delivered.
    """

    delivered: bool
    reason: str = ""


@dataclass
class Journal:
    """What is known so far.

    Args:
        names: the receivers that are tested.
        secrets: texts that must not be shown.
    """

    names: frozenset[str]
    secrets: Iterable[str] = ()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    successes: Counter[str] = field(default_factory=Counter)
    _last: dict[str, str] = field(default_factory=dict)

    def read(self, line: str) -> None:
        """Take in one line of the log; one that is not ours is left out."""
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict):
            return
        message, error = str(entry.get("msg", "")), str(entry.get("err", ""))
        receiver = str(entry.get("receiver", ""))
        if message == "Notify success":
            self.successes[receiver] += 1
            self._settle(receiver, Outcome(True))
        elif message.startswith("Notify attempt failed"):
            self._last[receiver] = error
        elif found := _GIVEN_UP.match(error):
            self._settle(found["receiver"], Outcome(False, self._told(found["reason"])))

    def give_up(self, seconds: float) -> None:
        """Settle what is open: nobody waits any longer."""
        for name in self.names - self.outcomes.keys():
            silent = f"no answer within {seconds:.0f} s"
            last = self._last.get(name)
            self._settle(name, Outcome(False, self._told(last) if last else silent))

    @property
    def complete(self) -> bool:
        """Whether there is an outcome for each receiver."""
        return self.names <= self.outcomes.keys()

    def _settle(self, receiver: str, outcome: Outcome) -> None:
        if receiver in self.names:
            self.outcomes.setdefault(receiver, outcome)

    def _told(self, error: str) -> str:
        return told(error, self.secrets)


def told(error: str, secrets: Iterable[str] = ()) -> str:
    """Return an error as it may be shown, with what it means.

    Args:
        error: Alertmanager's words, the answer of the other side among them.
        secrets: texts that must not be shown.
    """
    text = _ADDRESS.sub(lambda found: f"{found[1]}{found[2]}{'/...' if found[3] else ''}", error)
    for secret in sorted((s for s in secrets if len(s) >= MINIMUM_SECRET), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(text) > LONGEST_REASON:
        text = text[: LONGEST_REASON - 1] + "…"
    hint = next((words for pattern, words in _HINTS if re.search(pattern, text)), "")
    return f"{text} ({hint})" if hint else text
