"""Exemplars: one example, such as a trace id, beside a counter or a bucket."""

from __future__ import annotations

import time
from collections.abc import Mapping

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY, Series
from dreamos_metrics.metrics.names import clean_value

#: OpenMetrics 1.0: names and values of an exemplar's labels have at most 128 characters together.
_MAX_EXEMPLAR_CHARACTERS = 128

_kept = 0


def exemplar_count() -> int:
    """Return how many exemplars were kept so far; a push with text is due when it has changed."""
    return _kept


def keep_exemplar(series: Series, index: int, labels: Mapping[str, str], value: float) -> None:
    """Keep the newest exemplar of a counter or bucket; one that is too long is counted as an error."""
    clean = {str(name): clean_value(text) for name, text in labels.items()}
    if sum(len(name) + len(text) for name, text in clean.items()) > _MAX_EXEMPLAR_CHARACTERS:
        record_error(
            "long_exemplar",
            f"{series._family.describe()}: more than {_MAX_EXEMPLAR_CHARACTERS} characters",
        )
        return
    if not all(name.isidentifier() and name.isascii() for name in clean):
        record_error(
            "wrong_exemplar",
            f"{series._family.describe()}: names {list(clean)}",
            about=series._family.name,
        )
        return
    global _kept
    with REGISTRY.lock:
        _kept += 1
        series._family.exemplars.setdefault(series, {})[index] = (clean, value, time.time())


def reset_exemplar_count() -> None:
    """Start again at zero, in a forked process."""
    global _kept
    _kept = 0
