"""Helpers for tests of your own instrumentation: what was counted, and a clean start for each test.

    from dreamos_metrics import testing

    @pytest.fixture(autouse=True)
    def clean_metrics():
        with testing.fresh():
            yield

    def test_a_failed_build_is_counted():
        with testing.delta("builds_failed_total", error_type="ValueError") as failed:
            build("nonsense")
        assert 1 == failed.value

Nothing is pushed and nothing is replaced by a stand-in: these are the real metrics of the process.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import REGISTRY as PROMETHEUS

from dreamos_metrics.instrumentation import capped_label
from dreamos_metrics.metrics.errors import error_counts, reset_errors
from dreamos_metrics.metrics.family import REGISTRY, all_series
from dreamos_metrics.metrics.storage import UNALLOCATED
from dreamos_metrics.push import lifecycle

__all__ = ["Delta", "delta", "errors", "fresh", "value"]


def value(name: str, labels: Mapping[str, object] | None = None, /, **named: object) -> float:
    """Return the value of a sample in this process, 0 when nothing was counted.

    `name` is what Prometheus would show: `tasks_total`, `duration_seconds_count`, `…_sum`. Labels
    that are left out are summed over. They are given by name, or in a mapping where a name is no
    identifier.

    Raises:
        LookupError: no metric has this name; a misspelt one must not be taken for a zero.
    """
    wanted = {key: str(given) for key, given in {**(labels or {}), **named}.items()}
    found = False
    total = 0.0
    names = set()
    for family in PROMETHEUS.collect():
        names.add(family.name)
        found = found or name in _sample_names(family.name, family.type)
        for sample in family.samples:
            if sample.name == name and wanted.items() <= sample.labels.items():
                found = True
                total += sample.value
    if not found:
        close = difflib.get_close_matches(name, names, n=3)
        raise LookupError(f"no metric has a sample {name!r}; close: {', '.join(close) or 'none'}")
    return total


def _sample_names(family: str, kind: str) -> tuple[str, ...]:
    suffixes = {
        "counter": ("_total",),
        "histogram": ("_count", "_sum", "_bucket"),
        "summary": ("_count", "_sum"),
        "info": ("_info",),
    }.get(kind, ("",))
    return tuple(family + suffix for suffix in suffixes)


class Delta:
    """How much a sample changed since the block began; after the block it stands still."""

    def __init__(self, name: str, labels: Mapping[str, object]) -> None:
        self._name = name
        self._labels = labels
        self._before = value(name, labels)
        self._after = math.nan

    @property
    def value(self) -> float:
        """The change until now, or until the block ended."""
        now = value(self._name, self._labels) if math.isnan(self._after) else self._after
        return now - self._before

    def _finish(self) -> None:
        self._after = value(self._name, self._labels)


@contextmanager
def delta(
    name: str, labels: Mapping[str, object] | None = None, /, **named: object
) -> Iterator[Delta]:
    """Watch how a sample changes inside the block; arguments and errors are those of `value`."""
    change = Delta(name, {**(labels or {}), **named})
    try:
        yield change
    finally:
        change._finish()


def errors() -> dict[str, float]:
    """Return what went wrong inside the library, by reason: wrong labels, wrong values, …

    An empty answer at the end of a test says that every recording call was a right one.
    """
    return error_counts()


@contextmanager
def fresh() -> Iterator[None]:
    """Let all of the library's metrics stand at zero inside the block, and again after it.

    Metrics stay declared, and series that the code keeps in variables stay good. What other
    libraries count with `prometheus_client` itself is not touched.

    Raises:
        RuntimeError: this process pushes; there the counts are not a test's to forget.
    """
    if lifecycle.current() is not None:
        raise RuntimeError("metrics are being pushed; call stop() before testing.fresh()")
    _zero()
    try:
        yield
    finally:
        _zero()


def _zero() -> None:
    with REGISTRY.lock:
        for series in list(all_series()):
            series._segment = UNALLOCATED
            if not series._family.labelnames:
                REGISTRY.allocate_slots(series)
        for family in REGISTRY.every_family():
            family.bases.clear()
            family.exemplars.clear()
        REGISTRY.generation += 1
    reset_errors()
    capped_label.reset_capped_labels()
