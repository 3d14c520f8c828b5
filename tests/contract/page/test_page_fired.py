"""What fired in the last day, on the status page: a real Prometheus and the real service."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.alerting.live import free_port
from tests.contract.conftest import Running, ask
from tests.contract.page.test_page_alerts import listed, shown
from tests.rules.live import GRACE, Figures, Prometheus, figures, prometheus
from tests.rules.tooling import promtool
from tools.waiting import eventually

RULES = """\
groups:
  - name: own
    rules:
      - {alert: AgentLost, expr: lost > 0, labels: {severity: critical}}
      - {alert: Chatty, expr: chatty > 0, labels: {severity: info}}
      - {alert: Waiting, expr: lost > 0, for: 1h, labels: {severity: warning}}
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
"""
LOST = 'lost{agent="<script>alert(1)</script>",job="dreamos"} 1\n'


def fired(service: Running) -> str:
    """Return the part of the page that says what fired."""
    return shown(service).partition('id="fired"')[2].partition("</section>")[0]


def let_it_fire_and_end(source: Figures, running: Prometheus) -> None:
    """Let an agent be lost for some seconds."""
    source.text = LOST + 'chatty{team="a"} 1\n'
    eventually(lambda: running.firing("AgentLost"), within=120)
    eventually(lambda: running.query('count_over_time(ALERTS{alertname="AgentLost"}[1d]) > 3'))
    source.text = 'lost{agent="nobody"} 0\n'
    eventually(lambda: not running.firing("AgentLost") and not running.firing("Chatty"), within=120)


def test_what_fired_and_is_over_is_listed_and_what_only_waited_or_always_fires_is_not(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    with figures() as source:
        folder = tmp_path / "prometheus"
        with prometheus(promtool(), folder, source, {"own.yml": RULES}, GRACE) as running:
            let_it_fire_and_end(source, running)
            service = launch(METRICS_PROMETHEUS_URL=running.url)
            eventually(lambda: "AgentLost" in fired(service), within=120)
            items = listed(fired(service))

    assert ["critical AgentLost", "info Chatty"] == sorted(
        " ".join(item.split()[:2]) for item in items
    )
    [lost] = [item for item in items if "AgentLost" in item]
    when = r"(for \d+ (s|min).*, last \d+.(s|min).* ago|for a moment)"
    assert re.fullmatch(r"critical AgentLost <script>alert\(1\)</script> " + when + ".*", lost), (
        lost
    )
    assert 'href="./runbooks/AgentLost"' in fired(service)
    assert "<script" not in ask(service.url + "/").text


def test_a_prometheus_that_is_away_is_told_and_changes_nothing_else(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_PROMETHEUS_URL=f"http://127.0.0.1:{free_port()}")
    assert "Prometheus cannot be reached (Connection refused)" in fired(service)
    assert "The service is well; no agent yet." in ask(service.url + "/").text


@pytest.mark.parametrize("address", ["", "https://prometheus.example.org"])
def test_without_a_prometheus_to_ask_the_page_says_nothing_of_it(
    launch: Callable[..., Running], address: str
) -> None:
    assert "" == fired(launch(PROMETHEUS_URL=address))
