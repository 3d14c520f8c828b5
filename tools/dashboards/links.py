"""Where a click leads: the next level, with the same time range, job and agent."""

from __future__ import annotations

from tools.dashboards.jsons import Json

BOARDS = {
    "dreamos-overview": "Overview",
    "dreamos-agents": "Agents",
    "dreamos-agent": "One agent",
    "dreamos-performance": "Performance",
    "dreamos-files": "Files",
    "dreamos-host": "Host",
    "dreamos-workspaces": "Workspaces",
    "dreamos-health": "Health",
    "dreamos-alerts": "Alerts",
    "dreamos-stack": "Stack",
}
_KEPT = "${__url_time_range}&${datasource:queryparam}"


def to_board(uid: str) -> Json:
    """Return the link of a panel to a board, which keeps every choice."""
    url = f"/d/{uid}?{_KEPT}&${{job:queryparam}}&${{agent:queryparam}}"
    return {"title": BOARDS[uid], "url": url, "targetBlank": False}


def to_agent_of_row() -> Json:
    """Return the link from a table's row to the board of its agent."""
    return _to_agent("${__data.fields.Agent:percentencode}")


def to_agent_of_series() -> Json:
    """Return the link from a series that is called like its agent to the board of that agent."""
    return _to_agent("${__field.displayName:percentencode}")


def _to_agent(name: str) -> Json:
    url = f"/d/dreamos-agent?{_KEPT}&${{job:queryparam}}&var-agent={name}"
    return {"title": "Everything about this agent", "url": url, "targetBlank": False}
