"""Order of the tests, how long they may take, and which of them share a worker."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

END_TO_END = Path(__file__).parent / "e2e"
END_TO_END_TIMEOUT_SECONDS = 1800  # a stack is built, started, and waits for its alerts

# How long an example takes says nothing about it on a machine with a load of 30.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PLACE = pytest.StashKey[int]()  # of a test, in the order in which they are written
_places = itertools.count()


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Every file to one worker; all end-to-end tests, which share a stack, to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        folder = "tests/e2e"
        file = nodeid.partition("::")[0]
        return folder if file.startswith(folder + "/") else file


@pytest.hookimpl(optionalhook=True)  # `-p no:xdist` has no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling:
    return FileScheduling(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    item.stash[PLACE] = next(_places)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the end-to-end tests last, or first where there are several workers.

    They wait most of the time. Beside them another worker does the rest; a single one does the rest
    before them, so that the stack's load is not upon it. pytest-randomly shuffles all others: these
    tell one story of one stack (agents begin, fail, an alert fires, it is resolved), in order.
    """
    story = [item for item in items if END_TO_END in item.path.parents]
    others = [item for item in items if END_TO_END not in item.path.parents]
    story.sort(key=lambda item: item.stash[PLACE])
    for item in story:
        item.add_marker(pytest.mark.timeout(END_TO_END_TIMEOUT_SECONDS))
    items[:] = story + others if hasattr(config, "workerinput") else others + story
