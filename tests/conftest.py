"""Order of the tests, how long they may take, and which of them share a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

END_TO_END = Path(__file__).parent / "e2e"
END_TO_END_TIMEOUT_SECONDS = 1800  # a stack is built, started, and waits for its alerts


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Every file to one worker; all end-to-end tests, which share a stack, to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        folder = "tests/e2e"
        file = nodeid.partition("::")[0]
        return folder if file.startswith(folder + "/") else file


@pytest.hookimpl(optionalhook=True)  # `-p no:xdist` has no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling:
    return FileScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Put the end-to-end tests last, or first where there are several workers.

    They wait most of the time. Beside them another worker does the rest; a single one does the rest
    before them, so that the stack's load is not upon it. pytest-randomly shuffles all others: these
    tell one story of one stack (agents begin, fail, an alert fires, it is resolved), in order.
    """
    told = [item for item in items if END_TO_END in item.path.parents]
    yield
    for item in told:
        item.add_marker(pytest.mark.timeout(END_TO_END_TIMEOUT_SECONDS))
    ends, left = set(told), set(items)  # `-k` and `-m` take some away
    story = [item for item in told if item in left]
    others = [item for item in items if item not in ends]
    items[:] = story + others if hasattr(config, "workerinput") else others + story
