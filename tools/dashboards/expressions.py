"""PromQL that more than one panel needs."""

from __future__ import annotations

AGENT = 'job=~"$job", agent=~"$agent"'
"""Keeps to the jobs and agents that are chosen above the board."""

NAME = 'agent=~"$agent"'
"""Keeps to the agents alone: for what is seen from outside, whose job is that of the observer."""

RATE = "$__rate_interval"
SHOWN = 8
"""Series that one panel draws when there may be many."""


def per_second(metric: str, by: str = "", labels: str = AGENT) -> str:
    """Return how often a counter rises per second, summed (by the labels `by`, if any)."""
    return f"{summed(by)} (rate({metric}{{{labels}}}[{RATE}]))"


def increase(metric: str, window: str, by: str = "", labels: str = AGENT) -> str:
    """Return by how much a counter rose in `window`, summed (by the labels `by`, if any)."""
    return f"{summed(by)} (increase({metric}{{{labels}}}[{window}]))"


def summed(by: str = "", how: str = "sum") -> str:
    """Return the beginning of an aggregation by the labels `by`, if any."""
    return f"{how} by ({by})" if by else how


def quantile(share: float, histogram: str, by: str = "", labels: str = AGENT) -> str:
    """Return the value that `share` of the observations stay below; absent when there are none."""
    grouped = f"le, {by}" if by else "le"
    rate = f"sum by ({grouped}) (rate({histogram}_bucket{{{labels}}}[{RATE}]))"
    # Without observations the quantile is NaN, which a comparison leaves out.
    return f"histogram_quantile({share}, {rate}) >= 0"


def leading(drawn: str, rank: str, by: str, worst: str = "topk") -> str:
    """Return the lines `drawn` of those that lead by `rank`, which looks at the whole range once.

    A plain topk chooses anew at every step: each line would be drawn in pieces.
    """
    return f"({drawn}) and on ({by}) {worst}({SHOWN}, {rank})"


def leading_rates(metric: str, by: str, labels: str = AGENT) -> str:
    """Return the rates of a counter, for those that counted most in the range."""
    rank = f"sum by ({by}) (increase({metric}{{{labels}}}[$__range] @ end()))"
    return leading(per_second(metric, by, labels), rank, by)


def leading_gauges(metric: str, by: str, how: str = "sum", labels: str = AGENT) -> str:
    """Return a gauge, for those with the highest peaks in the range."""
    aggregation = summed(by, how)
    rank = f"{aggregation} (max_over_time({metric}{{{labels}}}[$__range] @ end()))"
    return leading(f"{aggregation} ({metric}{{{labels}}})", rank, by)


def lowest_gauges(metric: str, by: str, labels: str = AGENT) -> str:
    """Return the smallest values of a gauge, for those that fell lowest in the range."""
    rank = f"min by ({by}) (min_over_time({metric}{{{labels}}}[$__range] @ end()))"
    return leading(f"min by ({by}) ({metric}{{{labels}}})", rank, by, "bottomk")


def slowest(histogram: str, by: str, labels: str = AGENT) -> str:
    """Return the 95th percentile of durations, for those that were slowest in the range."""
    seen = f"increase({histogram}_bucket{{{labels}}}[$__range] @ end())"
    rank = f"(histogram_quantile(0.95, sum by (le, {by}) ({seen})) >= 0)"
    return leading(quantile(0.95, histogram, by, labels), rank, by)


def named(label: str, **parts: str) -> str:
    """Return all `parts` in one expression, told apart by `label` (`_` in a name is a space)."""
    return " or ".join(
        f'label_replace({expr}, "{label}", "{name.replace("_", " ")}", "", "")'
        for name, expr in parts.items()
    )


def or_zero(expr: str) -> str:
    """Return the expression, with 0 where it has no series: for counts, where none means zero."""
    return f"({expr}) or vector(0)"
