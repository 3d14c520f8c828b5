"""What the service costs, beside the peers that are installed."""
