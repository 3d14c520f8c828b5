"""The host's figures agree with the real node_exporter, on the same machine at the same moment."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from services.metrics.observer.host import HostCollector
from tests.contract.observer.comparison import (
    View,
    agree_in_some_round,
    different_label_sets,
    different_types,
    disagreements,
    documented_as_left_out,
    view,
)
from tests.contract.observer.exporter import NodeExporter


def theirs(exporter: NodeExporter) -> View:
    return view(text_string_to_metric_families(exporter.scrape()))


def test_every_series_that_both_have_agrees_in_value(node_exporter: NodeExporter) -> None:
    collector = HostCollector()
    collector.collect()

    def compare() -> set[str]:
        before = view(collector.collect())
        between = theirs(node_exporter)
        return disagreements(before, between, view(collector.collect()))

    agree_in_some_round(compare)


def test_two_hundred_series_and_more_were_compared(node_exporter: NodeExporter) -> None:
    shared = view(HostCollector().collect()).values.keys() & theirs(node_exporter).values.keys()
    compared = {series for series in shared if series[0].startswith("node_")}
    assert len(compared) >= 200


def test_every_family_that_both_have_carries_the_same_label_sets(
    node_exporter: NodeExporter,
) -> None:
    collector = HostCollector()
    agree_in_some_round(
        lambda: different_label_sets(view(collector.collect()), theirs(node_exporter))
    )


def test_every_family_that_both_have_is_of_the_same_type(node_exporter: NodeExporter) -> None:
    assert set() == different_types(view(HostCollector().collect()), theirs(node_exporter))


def test_what_node_exporter_has_beyond_ours_is_written_down(node_exporter: NodeExporter) -> None:
    ours, listed = view(HostCollector().collect()).names, tuple(documented_as_left_out())
    missing = {n for n in theirs(node_exporter).names - ours if n.startswith("node_")}
    assert set() == {name for name in missing if not name.startswith(listed)}


def test_what_is_written_down_as_left_out_is_really_left_out() -> None:
    ours = view(HostCollector().collect()).names
    assert set() == ours & set(documented_as_left_out())
