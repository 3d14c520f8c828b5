"""Dream.OS workspaces: what agents leave behind in files, observed without touching it."""

from .agents import PATTERN
from .collector import WorkspaceCollector

__all__ = ["PATTERN", "WorkspaceCollector"]
