"""Probes of what the service and its agents depend on."""

from services.metrics.observer.probes.collector import DependencyCollector
from services.metrics.observer.probes.config import Probe, ProbeFileError

__all__ = ["DependencyCollector", "Probe", "ProbeFileError"]
