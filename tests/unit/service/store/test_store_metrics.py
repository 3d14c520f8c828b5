"""The store's figures about itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from services.metrics.store.store_metrics import StoreMetrics


def test_counts_grow_by_what_is_new_since_the_last_look() -> None:
    registry = CollectorRegistry()
    metrics = StoreMetrics(registry)
    totals = {"groups": 2, "series": 5, "memory_bytes": 9, "memory_limit_bytes": 99, "forgotten": 3}
    for rejected in ({}, {"label": 2}, {"label": 2}, {"label": 5}):
        metrics.update(totals, rejected, incomplete=True)
    values = {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    assert 5 == values["dreamos_ingest_rejected_families_totallabel"]
    assert 0 == values["dreamos_ingest_rejected_families_totaltoo_many_series"]
    assert (2, 5, 9, 99, 1, 3) == tuple(
        values[f"dreamos_store_{name}"]
        for name in ("groups", "series", "memory_bytes", "memory_limit_bytes", "incomplete",
                     "forgotten_groups_total")
    )  # fmt: skip
