"""Start the metrics service: ``python -m tools.start_metrics_server``, as in the seed's document.

The same as ``python -m services.metrics``.
"""

from __future__ import annotations

import sys

from services.metrics.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
