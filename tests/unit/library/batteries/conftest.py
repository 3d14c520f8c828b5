from __future__ import annotations

from collections.abc import Iterator

import pytest

from dreamos.core.metrics import set_path_label, testing


@pytest.fixture(autouse=True)
def clean_metrics() -> Iterator[None]:
    set_path_label()
    with testing.fresh():
        yield
    set_path_label()
