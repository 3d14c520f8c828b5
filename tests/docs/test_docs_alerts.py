"""Alerts and runbooks belong together, one for one."""

from __future__ import annotations

from tests.docs.documents import ROOT
from tests.rules.unit import alerts

RUNBOOKS = {path.stem: path for path in (ROOT / "docs" / "runbooks").glob("*.md")}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {alert["alert"] for alert in alerts()} == set(RUNBOOKS)


def test_every_alert_links_the_runbook_of_its_name() -> None:
    links = {(a["alert"], a["annotations"]["runbook_url"].rpartition("/")[2]) for a in alerts()}
    assert {(name, name) for name in RUNBOOKS} == links


def test_every_runbook_is_titled_with_its_alert_and_tells_the_five_things() -> None:
    parts = ["Meaning", "Impact", "Diagnosis", "Mitigation", "How to see that it is over"]
    for name, path in RUNBOOKS.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert f"# {name}" == lines[0]
        assert parts == [line[3:] for line in lines if line.startswith("## ")], name
