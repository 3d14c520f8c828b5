"""Targets of a test: every way to tell somebody that a configuration of Alertmanager holds, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.stack.console import StackError

Document = Mapping[str, Any]

ALERT = "TestAlert"
ALIASES = {"msteamsv2": "teams", "msteams": "teams"}
"""Names that people use, where Alertmanager's own is another one."""

INCIDENTS = frozenset(("pagerduty", "opsgenie", "victorops", "jira", "incidentio", "rootly"))
"""Integrations that keep something open until they are told of the end."""

GROUP_INTERVAL = "5s"
# Alertmanager gives up on a message after the group's interval, but never before ten seconds.
NOTHING = "nobody"


@dataclass(frozen=True)
class Target:
    """One integration with its settings.

    Attributes:
        name: what it is called in the report and on the command line.
        kind: Alertmanager's name of the integration.
        receivers: the receivers of the configuration that hold it.
        config: its settings.
    """

    name: str
    kind: str
    receivers: tuple[str, ...]
    config: Document

    @property
    def keeps_open(self) -> bool:
        """Whether the test has to be ended, so that no incident stays behind."""
        return self.kind in INCIDENTS


def find(configuration: Document) -> list[Target]:
    """Return the targets of a configuration; what several receivers share is one."""
    found: list[Target] = []
    for receiver in configuration.get("receivers") or []:
        for kind, config in _integrations(receiver):
            same = [t for t in found if (t.kind, t.config) == (kind, config)]
            if same and "watchdog" not in (receiver["name"], same[0].name):
                both = (*same[0].receivers, receiver["name"])
                found[found.index(same[0])] = Target(same[0].name, kind, both, config)
            else:
                name = _name(receiver["name"], kind, {target.name for target in found})
                found.append(Target(name, kind, (receiver["name"],), config))
    return found


def _integrations(receiver: Document) -> list[tuple[str, Document]]:
    return [
        (key.removesuffix("_configs"), config)
        for key, configs in receiver.items()
        if key.endswith("_configs")
        for config in configs or []
    ]


def _name(receiver: str, kind: str, taken: set[str]) -> str:
    plain = "watchdog" if receiver == "watchdog" else ALIASES.get(kind, kind)
    # The name stands in front of a slash in Alertmanager's log.
    names = [plain, f"{receiver}-{plain}".replace("/", "-")]
    names += [f"{names[1]}-{number}" for number in range(2, len(taken) + 3)]
    return next(name for name in names if name not in taken)


def choose(targets: Sequence[Target], wanted: Sequence[str]) -> list[Target]:
    """Return the targets that are meant by `wanted`: by their name, or their receiver's; all for none.

    Raises:
        StackError: nothing is configured, or a name is unknown.
    """
    if not targets:
        raise StackError(
            "no receiver is configured, so nobody is told of any alert: put the address of a Slack "
            "hook into secrets/alertmanager/slack_api_url, or see docs/alerting.md for the others; "
            "then `make up`"
        )
    known = {name for target in targets for name in (target.name, *target.receivers)}
    if unknown := [name for name in wanted if name not in known]:
        raise StackError(
            f"unknown receiver: {', '.join(unknown)}; configured are "
            f"{', '.join(target.name for target in targets)}, "
            "for example `make test-alert RECEIVER=" + targets[0].name + "`"
        )
    return [t for t in targets if not wanted or {t.name, *t.receivers} & set(wanted)]


def trial_configuration(configuration: Document, targets: Sequence[Target]) -> Document:
    """Return a configuration in which each target has a receiver and a route of its own.

    Nothing else is left of routing: no inhibition, no quiet hours, no waiting.
    """
    routes = [
        {
            "receiver": target.name,
            "matchers": [f'alertname="{ALERT}"'],
            "continue": True,
            "group_wait": "0s",
            "group_interval": GROUP_INTERVAL,
        }
        for target in targets
    ]
    kept = {name: configuration[name] for name in ("global", "templates") if name in configuration}
    return {
        **kept,
        "route": {"receiver": NOTHING, "repeat_interval": "1d", "routes": routes},
        "receivers": [{"name": NOTHING}, *map(_receiver, targets)],
    }


def _receiver(target: Target) -> Document:
    config = {**target.config, "send_resolved": target.keeps_open}
    return {"name": target.name, f"{target.kind}_configs": [config]}
