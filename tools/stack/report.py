"""Summary of `make up`: the addresses, where the passwords lie, who is told of alerts, what to know."""

from __future__ import annotations

import os
from pathlib import Path

from . import preflight, recipients
from .compose import ROOT
from .console import say
from .images import Images
from .settings import Settings


def summary(settings: Settings, found: Images, seconds: float) -> None:
    """Print it.

    Args:
        settings: of this stack.
        found: the images that run.
        seconds: how long it took.
    """
    folder = settings.secrets_folder()
    shown = Path(os.path.relpath(folder, Path.cwd())) if folder.is_relative_to(ROOT) else folder
    say(f"\nUp and healthy in {seconds:.0f} s.\n")
    for name, (url, note) in _rows(settings, found, shown).items():
        say(f"  {name:16} {url:24}  {note}".rstrip())
    say("\n  Who is told of alerts:")
    for line in recipients.lines(settings.values, shown):
        say(f"    {line}")
    for note in (*found.notes, *preflight.warnings(settings)):
        say(f"\n  Note: {note}")
    say("\n  Next: `make status`, `make logs`, `make down`; README.md has the first five minutes.")


def _rows(settings: Settings, found: Images, shown: Path) -> dict[str, tuple[str, str]]:
    links = settings.links()
    password = f"user {settings['GRAFANA_ADMIN_USER']}, password in {shown}/grafana/admin_password"
    tokens = f"token to push in {shown}/push/token, to read in {shown}/read/token"
    without = ("not running, see below", "")
    return {
        "Grafana": (links["GRAFANA_URL"], password) if found.grafana else without,
        "Prometheus": (links["PROMETHEUS_URL"], ""),
        "Alertmanager": (links["ALERTMANAGER_URL"], ""),
        "Metrics service": (links["METRICS_URL"], tokens),
    }
