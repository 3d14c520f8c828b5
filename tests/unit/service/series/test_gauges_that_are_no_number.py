"""A process that cannot tell a gauge does not take it from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.unit.service.protobuf_reader import read


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path))
    yield made
    made.stop()


@pytest.mark.parametrize("way", ["sum", "max", "min", "mostrecent"])
@pytest.mark.parametrize(
    ("values", "told"), [(["3", "NaN"], True), (["NaN", "3"], True), (["NaN", "NaN"], False)]
)
def test_only_what_is_a_number_counts(
    service: Service, way: str, values: list[str], told: bool
) -> None:
    for number, value in enumerate(values):
        target = parse_path(f"/metrics/job/j/agent/A/incarnation/{number}")
        body = f"# dreamos:aggregate g {way}\n# TYPE g gauge\ng {value}\n"
        service.store.push(Push(target, body.encode(), replace=True))
    found = read(service.exposition.render("protobuf").take())[1]
    shown = next(value for (name, _), value in found.items() if name == "g")
    assert told == (shown == 3)
    assert told != math.isnan(shown)
