"""Names that no push may bring, whatever its token: others would take them for somebody else's.

`metric_relabel_configs` in `deploy/prometheus/prometheus.yml` is the second wall of the same kind;
:func:`relabeling` gives it.
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
        "agents", "alert", "alerts", "audit", "auth", "build", "collect", "collector", "connections", "container",
        "dependency", "exposition", "host", "ingest", "observer", "probe", "probes", "process",
        "processes", "scheduler", "scrape", "scrapes", "series", "service", "stack", "store",
        "stability", "workspace",
    )
)  # fmt: skip
"""Second words of the names that the parts of the stack export about themselves and the machine."""

PROMETHEUS = "up|ALERTS.*|scrape_.*|.*:.*"
"""Series that Prometheus makes itself, by a scrape, an alert or a recording rule."""
_PROMETHEUS = re.compile(PROMETHEUS)


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


def relabeling(job: str) -> list[dict[str, object]]:
    """Return what Prometheus does with the series of a scrape of the service.

    Series of Prometheus' own names are dropped, and those that only the stack exports where their
    label `job` says that somebody pushed them.

    Args:
        job: of the scrape; the service's own series have no other.
    """
    stack = f"node_.*|dreamos_({'|'.join(sorted(STACK - {'series'}))})(_.*)?"
    return [
        {"source_labels": ["__name__"], "regex": PROMETHEUS, "action": "drop"},
        {
            "source_labels": ["job"],
            "regex": job,
            "target_label": "__tmp_own",
            "replacement": "1",
        },
        {"source_labels": ["__tmp_own", "__name__"], "regex": f";({stack})", "action": "drop"},
        {"regex": "__tmp_own", "action": "labeldrop"},
    ]
