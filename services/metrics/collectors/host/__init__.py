"""Figures of the host, under the names of Prometheus' node_exporter."""

from .collector import HostCollector
from .source import Source

__all__ = ["HostCollector", "Source"]
