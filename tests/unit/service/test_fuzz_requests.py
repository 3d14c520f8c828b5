"""Arbitrary requests change no total, break no page, and are never answered with a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.__main__ import CORPUS
from tests.fuzz.cases import STEPS, Step, step_of
from tests.fuzz.world import World

FOUND = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_is_sent_totals_hold_and_every_page_is_valid(
    world: World, steps: list[Step]
) -> None:
    world.run(steps)


@pytest.mark.parametrize("found", FOUND, ids=range(len(FOUND)))
def test_what_fuzzing_found_once_holds(world: World, found: list[dict[str, object]]) -> None:
    world.run([step_of(step) for step in found])
