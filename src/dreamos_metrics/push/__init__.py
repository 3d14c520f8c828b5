"""Push of snapshots to the service: when, what and how."""
