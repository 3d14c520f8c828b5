"""The service with everything on the ordinary path, as a witness."""

from __future__ import annotations

import sys

from services.metrics.__main__ import main
from services.metrics.fastpath.push import PushHead, PushPath
from services.metrics.fastpath.scrape import ScrapePath


def _no_push(_self: PushPath, _scope: object) -> PushHead | None:
    return None


def _no_scrape(_self: ScrapePath, _scope: object) -> None:
    return None


if __name__ == "__main__":
    PushPath.head = _no_push  # type: ignore[method-assign, assignment]
    ScrapePath.wanted = _no_scrape  # type: ignore[method-assign, assignment]
    sys.exit(main())
