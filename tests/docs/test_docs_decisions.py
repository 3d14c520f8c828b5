"""Decisions: one form, and numbers that mean one thing each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
FORM = re.compile(
    r"# (?P<number>\d+)\. \S.*\n\n"
    r"- Status: (accepted|proposed|superseded by \[\d+\]\(\S+\))\n"
    r"- Date: \d{4}-\d{2}-\d{2}\n\n"
    r"## Context\n\n(.|\n)+?\n\n## Decision\n\n(.|\n)+?\n\n## Consequences\n\n(.|\n)+"
)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_tells_its_number_status_date_context_and_consequences(page: Path) -> None:
    match = FORM.fullmatch(page.read_text(encoding="utf-8"))
    assert match, f"{page.name} has not the form of {DECISIONS[0].name}"
    assert page.name.startswith(f"{int(match['number']):04}-")


def test_no_number_is_given_twice() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert sorted(set(numbers)) == numbers
