"""Settings of one stack: read, looked up, and handed to Compose."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tools.render import foreign, variables

from . import envfile
from .compose import ROOT

PORTS: Mapping[str, str] = {
    "metrics": "METRICS_PORT",
    "prometheus": "PROMETHEUS_PORT",
    "alertmanager": "ALERTMANAGER_PORT",
    "grafana": "GRAFANA_PORT",
}


@dataclass(frozen=True)
class Settings:
    """The settings of one stack.

    Attributes:
        file: the env file they come from.
        values: what the file and, over it, this process's environment say.
        others: what the file says beyond the stack's own settings.
    """

    file: Path
    values: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """Return a setting, or its default."""
        return variables.value(self.values, name)

    def enabled(self, name: str) -> bool:
        """Tell whether a setting that is a flag is switched on."""
        return variables.flag(self.values, name)

    def links(self) -> dict[str, str]:
        """Return the addresses that people open, by variable (`GRAFANA_URL`, ...)."""
        return variables.links(self.values)

    def path(self, name: str) -> Path | None:
        """Return a setting that names a file or folder, seen from the checkout; None where unset."""
        text = self[name]
        return (ROOT / Path(text).expanduser()).resolve() if text else None

    def secrets_folder(self) -> Path:
        """Return the folder of passwords and tokens."""
        return self.path("SECRETS_DIR") or ROOT / "secrets"

    def addresses(self) -> dict[str, str]:
        """Return where each part answers from this machine, by service."""
        # A proxy in front of the metrics service takes the path away; the others serve below it.
        paths = {**variables.base_paths(self.values), "METRICS_PATH": ""}
        host = variables.reachable_host(self["BIND_ADDRESS"])
        return {
            service: f"http://{host}:{self[port]}{paths[f'{service.upper()}_PATH']}"
            for service, port in PORTS.items()
        }

    def environment(self) -> dict[str, str]:
        """Return what Compose fills docker-compose.yml with: checked, and with defaults put in."""
        given = {name: self[name] for name in variables.BY_NAME if self[name]}
        paths = {
            name: str(path)
            for name in ("SECRETS_DIR", "WORKSPACE_DIR", "PROBES_FILE", "ALERT_CA_FILE")
            if (path := self.path(name))
        }
        proxy, without = foreign.proxy(self.others)
        ways = {"ALERT_PROXY_URL": proxy, "ALERT_NO_PROXY": without}
        return {
            # The shell's own TZ is not the stack's.
            "TZ": "",
            **self.others,
            **{name: text for name, text in ways.items() if text},
            **given,
            **self.links(),
            **variables.base_paths(self.values),
            "GRAFANA_BELOW_PATH": str(bool(urlsplit(self.links()["GRAFANA_URL"]).path)).lower(),
            "ALERT_CA_DIGEST": _digest(self.path("ALERT_CA_FILE")),
            **paths,
        }


def read(path: Path) -> Settings:
    """Read the settings without checking them."""
    written = envfile.read(path)
    ours = {**variables.known(written), **variables.known(os.environ)}
    # The shell wins over the file, as it does for Compose: a PATH in the file is not ours to set.
    others = {n: os.environ.get(n, text) for n, text in written.items() if n not in ours}
    return Settings(path, ours, others)


def _digest(path: Path | None) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path else ""
