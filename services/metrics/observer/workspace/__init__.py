"""Dream.OS workspaces: what agents leave behind in files, observed without touching it."""

from services.metrics.observer.workspace.agents import PATTERN
from services.metrics.observer.workspace.collector import WorkspaceCollector

__all__ = ["PATTERN", "WorkspaceCollector"]
