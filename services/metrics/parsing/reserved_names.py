"""Names that no push may bring, whatever its token: others would take them for somebody else's.

`metric_relabel_configs` in `deploy/prometheus/prometheus.yml` is the second wall of the same kind;
:func:`forged_names` gives its expression.
"""

from __future__ import annotations

import re

OWN = frozenset(
    (
        "dreamos_agent_incarnations",
        "dreamos_agent_incarnations_ended_total",
        "dreamos_agent_last_heartbeat_timestamp_seconds",
        "dreamos_agent_last_progress_timestamp_seconds",
        "dreamos_agent_last_push_timestamp_seconds",
        "dreamos_agent_state",
        "dreamos_series",
        "push_failure_time_seconds",
        "push_time_seconds",
    )
)
"""Families that the service writes itself beside those of a sender. Where a body has them, for
example one that was scraped from here, they are left out, as the Pushgateway leaves out its own."""

LIBRARY = frozenset(
    ("agent", "api", "bridge", "cache", "client", "command", "commands", "file", "http", "log")
) | frozenset(("queue",))
"""Second words of the names that the library exports, as in ``dreamos_queue_length``."""
STACK = frozenset(
    (
        "agents", "alert", "alerts", "audit", "auth", "build", "collect", "collector", "container",
        "dependency", "exposition", "host", "ingest", "observer", "probe", "probes", "process",
        "processes", "scheduler", "scrape", "scrapes", "series", "service", "stack", "store",
        "stability", "workspace",
    )
)  # fmt: skip
"""Second words of the names that the parts of the stack export about themselves and the machine."""

_PROMETHEUS = re.compile(r"up|ALERTS.*|scrape_.*|.*:.*")


def why_reserved(name: str, snapshot: bool) -> str | None:
    """Return why a push must not bring a family of this name, None when it may.

    Args:
        name: of the family, in the text format.
        snapshot: the push is one of a process of an agent: the library's ``BaseMetrics("brain")``
            exports ``dreamos_brain_…``, so a word that nobody else uses is free for it.
    """
    if _PROMETHEUS.fullmatch(name):
        return "Prometheus makes series of this name itself, or a recording rule does"
    if name.startswith("node_"):
        return "node_ is for the figures of the machine, which the stack collects itself"
    if name.startswith("dreamos_"):
        word = name.split("_", 2)[1]
        if word in LIBRARY or (snapshot and word not in STACK):
            return None
        return "dreamos_ is for the stack and its library; use a name of your own"
    return None


def forged_names() -> str:
    """Return an expression for names that only the stack itself may export."""
    return f"node_.*|dreamos_({'|'.join(sorted(STACK - {'series'}))})(_.*)?"
