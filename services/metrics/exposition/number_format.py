"""Values as text: whole numbers without a point, everything else as short as it stays exact."""

from __future__ import annotations

import numpy as np

from services.metrics.series.series_list import Floats

_NAMES = {"inf": b"+Inf", "-inf": b"-Inf", "nan": b"NaN"}


def render(values: Floats) -> list[bytes]:
    """Return each value as bytes, as Go's ParseFloat and Python's float read it back exactly."""
    if len(values) == 0:
        return []
    with np.errstate(invalid="ignore"):
        whole = (values == np.floor(values)) & (np.abs(values) < 1e15)
    if whole.all():
        return [b"%d" % value for value in values.astype(np.int64).tolist()]
    result = [b""] * len(values)
    where = np.flatnonzero(whole)
    for position, number in zip(where.tolist(), values[where].astype(np.int64).tolist(),
                                strict=True):  # fmt: skip
        result[position] = b"%d" % number
    where = np.flatnonzero(~whole)
    for position, value in zip(where.tolist(), values[where].tolist(), strict=True):
        text = repr(value)
        result[position] = _NAMES.get(text) or text.encode()
    return result
