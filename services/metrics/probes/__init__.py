"""Probes of what the service and its agents depend on."""

from .collector import DependencyCollector
from .config import Probe, ProbeFileError

__all__ = ["DependencyCollector", "Probe", "ProbeFileError"]
