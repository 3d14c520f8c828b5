"""What the stack sees by itself: the host, Dream.OS workspaces, dependencies, agents' processes."""
