"""The Dream.OS metrics service: takes pushes, keeps them, shows them to Prometheus.

The way of a push: :mod:`routes.push` → :mod:`parsing` → :mod:`store`. The way of a scrape:
:mod:`routes.scrape` → :mod:`store` → :mod:`exposition`. The rules of both are in
``docs/protocol.md``.
"""

__version__ = "0.1.0"
