"""Figures of the host, under the names of Prometheus' node_exporter."""

from services.metrics.observer.host.collector import HostCollector
from services.metrics.observer.host.source import Source

__all__ = ["HostCollector", "Source"]
