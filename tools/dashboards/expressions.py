"""PromQL that more than one panel needs."""

from __future__ import annotations

AGENT = 'agent=~"$agent"'
"""Keeps to the agents that are chosen above the dashboard."""

RATE = "$__rate_interval"


def per_second(metric: str, by: str = "", labels: str = AGENT) -> str:
    """Return how often a counter rises per second, summed (by the labels `by`, if any)."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{labels}}}[{RATE}]))"


def increase(metric: str, window: str, by: str = "", labels: str = AGENT) -> str:
    """Return by how much a counter rose in `window`, summed (by the labels `by`, if any)."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (increase({metric}{{{labels}}}[{window}]))"


def quantile(share: float, histogram: str, by: str = "", labels: str = AGENT) -> str:
    """Return the value that `share` of the observations stay below; absent when there are none."""
    grouped = f"le, {by}" if by else "le"
    rate = f"sum by ({grouped}) (rate({histogram}_bucket{{{labels}}}[{RATE}]))"
    # Without observations the quantile is NaN, which a comparison leaves out.
    return f"histogram_quantile({share}, {rate}) >= 0"


def named(label: str, **parts: str) -> str:
    """Return all `parts` in one expression, told apart by `label` (`_` in a name is a space)."""
    return " or ".join(
        f'label_replace({expr}, "{label}", "{name.replace("_", " ")}", "", "")'
        for name, expr in parts.items()
    )


def or_zero(expr: str) -> str:
    """Return the expression, with 0 where it has no series: for counts, where none means zero."""
    return f"({expr}) or vector(0)"
