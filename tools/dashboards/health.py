"""The Health board: components, error rates, warnings, dependencies, file systems, resources."""

from __future__ import annotations

from tools.dashboards import alerts, common, cost, devices, failures, files, host
from tools.dashboards.expressions import leading, named, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import GREEN, RED, bad_from
from tools.dashboards.panels import Query, stat, timeseries
from tools.dashboards.thresholds import limit


def dashboard() -> Dashboard:
    """Return the Health dashboard."""
    agents, on_stack, on_host = "dreamos-agents", "dreamos-stack", "dreamos-host"
    return Dashboard(
        uid="dreamos-health",
        title="Dream.OS Health",
        description="Components, errors, warnings, dependencies, file systems and resources.",
        rows=[
            common.top("dreamos-health"),
            Row([components(), dependencies()], to=on_stack, title="Components", height=4),
            Row(common.hops(), to="dreamos-alerts", height=3),
            Row(
                [alerts.firing(), failures.recent_errors()],
                to=agents,
                title="Errors",
                height=9,
                widths=[14, 10],
            ),
            Row(
                [
                    failures.error_rates(),
                    failures.errors_by_kind(),
                    failures.warnings_by_logger(),
                ],
                to=agents,
            ),
            Row([latency(), starts()], to=on_stack, title="Dependencies, stability"),
            Row(
                [devices.file_systems(), files.file_errors(), failures.file_error_rates()],
                to="dreamos-files",
                title="File systems",
            ),
            Row([host.used(), host.load(), cost.memory_of_parts()], to=on_host, title="Resources"),
        ],
    )


def components() -> Json:
    """Show for each part whether Prometheus can read it."""
    return stat(
        "Components",
        "Whether Prometheus could read each part at its last attempt. One that is down fires the "
        "alert TargetDown after three minutes: see its log.",
        "none",
        Query("min by (job) (up)", "{{job}}"),
        texts={0: ("down", RED), 1: ("up", GREEN)},
        none="Prometheus gives no answer",
        names=True,
    )


def dependencies() -> Json:
    """Show what the service probes, and whether it is well."""
    return stat(
        "Dependencies",
        "What the service probes, as listed in its file of probes (METRICS_PROBES_FILE), and "
        "whether the last probe found it well. For one that is down its runbook is DependencyDown.",
        "none",
        Query("min by (dependency) (dreamos_dependency_up)", "{{dependency}}"),
        texts={0: ("down", RED), 1: ("up", GREEN)},
        none="Nothing is probed (METRICS_PROBES_FILE)",
        names=True,
    )


def latency() -> Json:
    """Draw how long dependencies take to answer."""
    name = "dreamos_dependency_latency_seconds"
    rank = f"max by (dependency) (max_over_time({name}[$__range] @ end()))"
    return timeseries(
        "How long dependencies take",
        "Time that the last probe of each dependency took; the eight slowest. The alert "
        "DependencySlow fires above the dashed line.",
        "s",
        Query(leading(f"max by (dependency) ({name})", rank, "dependency"), "{{dependency}}"),
        steps=bad_from(limit("DependencySlow")),
        none="Nothing is probed (METRICS_PROBES_FILE)",
    )


def starts() -> Json:
    """Draw how often the service and agents start, and dependencies change."""
    lost = 'increase(dreamos_agent_incarnations_ended_total{end="lost"}[1h])'
    parts = named(
        "what",
        Service_starts=or_zero("sum(increase(dreamos_service_starts_total[1h]))"),
        Agents_lost=or_zero(f"sum({lost})"),
        Dependency_changes=or_zero("sum(increase(dreamos_dependency_changes_total[1h]))"),
    )
    return timeseries(
        "Stability, per hour",
        "How often, in the hour before each moment, the service started, processes of agents were "
        "lost, and dependencies went up or down. Zero is calm.",
        "short",
        Query(parts, "{{what}}"),
        none="Prometheus gives no answer",
    )
