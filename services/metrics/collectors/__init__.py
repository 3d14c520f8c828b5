"""What the service sees by itself: the host, Dream.OS workspaces, dependencies, agents' processes."""

from .supervisor import Collectors, start_all

__all__ = ["Collectors", "start_all"]
