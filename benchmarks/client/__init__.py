"""The client library beside prometheus_client, both in one process: ``python -m benchmarks.client``."""
