"""Processes of agents that push nothing."""

from services.metrics.observer.processes.collector import ProcessCollector

__all__ = ["ProcessCollector"]
