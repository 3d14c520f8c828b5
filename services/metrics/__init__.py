"""The Dream.OS metrics service: takes pushes, keeps them, shows them to Prometheus.

The way of a push: :mod:`routes.push` → :mod:`parsing` → :mod:`store`. The way of a scrape:
:mod:`routes.scrape` → :mod:`store` → :mod:`exposition`. The rules of both are in
``docs/protocol.md``.
"""

import runpy
from pathlib import Path

_VERSION_FILE = Path(__file__).parents[2] / "src" / "dreamos_metrics" / "version.py"
# Run, not imported: the library and the service share no code, and the image has no library.
__version__ = str(runpy.run_path(str(_VERSION_FILE))["__version__"])
