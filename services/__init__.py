"""What runs on a server: today only the metrics service."""
