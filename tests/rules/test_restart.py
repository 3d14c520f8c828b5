"""A restart of Prometheus ends nothing: what fires goes on firing, as the same alert."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.rules.live import GRACE, Prometheus, figures, prometheus
from tests.rules.tooling import DEPLOY, ROOT, promtool
from tools.waiting import eventually

# A `for` that is shorter than Prometheus' default of ten minutes, below which it forgets.
RULES = {"dreamos.yml": (DEPLOY / "prometheus/alerts/dreamos.yml").read_text()}


def since(running: Prometheus) -> str:
    [alert] = eventually(lambda: running.firing("AgentLost"), within=180)
    started: str = alert["activeAt"]
    return started


def test_what_fires_goes_on_firing_since_when_it_did(tmp_path: Path) -> None:
    with figures() as shown:
        shown.text = (
            'dreamos_agent_state{job="j",agent="A",state="lost"} 1\n'
            f'dreamos_agent_last_push_timestamp_seconds{{job="j",agent="A"}} {time.time()}\n'
        )
        with prometheus(promtool(), tmp_path, shown, RULES, GRACE, storage="kept") as running:
            before = since(running)
            running.docker("restart", running.container)
            running.wait()
            began = time.time()

            assert before[:19] == since(running)[:19]
            # It waited a minute the first time. With the default it would now do so again.
            told = [alert for alert in shown.handed if alert["labels"]["alertname"] == "AgentLost"]
            assert told
            ends = {alert["endsAt"] for alert in told if alert["endsAt"] < alert["startsAt"]}
            assert set() == ends, began


def test_the_stack_starts_prometheus_that_way() -> None:
    assert GRACE in (ROOT / "docker-compose.yml").read_text()


@pytest.mark.parametrize("count", [5500])
def test_thousands_of_lost_agents_fail_no_rule(tmp_path: Path, count: int) -> None:
    rules = {
        f"{path.parent.name}-{path.name}": path.read_text().replace("for: 1m", "for: 1s")
        for path in (DEPLOY / "prometheus").glob("[ar]*/*.yml")
        if path.name in {"dreamos.yml", "agents.yml", "error_rates.yml", "prometheus.yml"}
    }
    now = time.time()
    with figures() as shown:
        shown.text = "".join(
            f'dreamos_agent_state{{job="j",agent="A{number}",state="lost"}} 1\n'
            f'dreamos_agent_last_push_timestamp_seconds{{job="j",agent="A{number}"}} {now - number}\n'
            f'dreamos_agent_tasks_failed_total{{job="j",agent="A{number}",task="t"}} {number}\n'
            for number in range(count)
        )
        with prometheus(promtool(), tmp_path, shown, rules) as running:
            named = eventually(lambda: running.firing("AgentLost"), within=180)
            [many] = eventually(lambda: running.firing("ManyAgentsLost"), within=180)

            # Those that fell silent first.
            silent_first = {f"A{number}" for number in range(count - 100, count)}
            assert silent_first == {alert["labels"]["agent"] for alert in named}
            assert f"{count} agents of j fell silent" == many["annotations"]["summary"]
            none = "sum(prometheus_rule_evaluation_failures_total) == 0"
            eventually(lambda: running.query(none))
            eventually(lambda: running.query(f"count(job_agent:work_failed:rate5m) == {count}"))
