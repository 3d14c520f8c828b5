"""What a scrape in protocol buffers says, as the official library reads it."""

from __future__ import annotations

from typing import Any

from tests.unit.service.client_model import families

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
_KINDS = {0: "counter", 1: "gauge", 2: "summary", 3: "untyped", 4: "histogram"}


def read(body: bytes) -> tuple[dict[str, str], Series, Series]:
    """Return the type of each family, every sample, and every time of beginning."""
    types: dict[str, str] = {}
    samples: Series = {}
    began: Series = {}
    for family in families(body):
        assert family.name not in types
        kind = _KINDS[family.type]
        types[family.name] = "unknown" if kind == "untyped" else kind
        for metric in family.metric:
            _metric(family.name, kind, metric, samples, began)
    return types, samples, began


def _metric(name: str, kind: str, metric: Any, samples: Series, began: Series) -> None:
    base = frozenset((pair.name, pair.value) for pair in metric.label)
    assert len(base) == len(metric.label)
    assert metric.HasField(kind)
    value = getattr(metric, kind)
    if kind in ("counter", "summary", "histogram") and value.HasField("created_timestamp"):
        time = value.created_timestamp
        began[name, base] = time.seconds + time.nanos / 1e9
    if kind == "histogram":
        _histogram(name, value, base, samples)
    elif kind == "summary":
        _count_and_sum(name, value, base, samples)
        for part in value.quantile:
            samples[name, base | {("quantile", str(part.quantile))}] = part.value
    else:
        samples[name, base] = value.value


def _histogram(name: str, value: Any, base: frozenset[tuple[str, str]], samples: Series) -> None:
    _count_and_sum(name, value, base, samples)
    for part in value.bucket:
        key = (name + "_bucket", base | {("le", str(part.upper_bound))})
        samples[key] = float(part.cumulative_count)


def _count_and_sum(
    name: str, value: Any, base: frozenset[tuple[str, str]], samples: Series
) -> None:
    if value.HasField("sample_count"):
        samples[name + "_count", base] = value.sample_count
    if value.HasField("sample_sum"):
        samples[name + "_sum", base] = value.sample_sum
