"""What is told of a refusal: the tool's own words, and nothing else."""

from __future__ import annotations

import pytest

from tools.stack.acceptance import complaints

PROMTOOL = """Checking /etc/prometheus/prometheus.yml
  SUCCESS: 3 rule files found
 SUCCESS: /etc/prometheus/prometheus.yml is valid prometheus config file syntax

Checking /etc/prometheus/alerts/mine.yml
  FAILED:
/etc/prometheus/alerts/mine.yml: 5:11: group "mine", rule 1, "Mine": could not parse expression
Checking /generated/prometheus/alerts/mine.yml
  FAILED:
/generated/prometheus/alerts/mine.yml: 7:13: group "mine", rule 1, "Mine": could not parse expression
"""
AMTOOL = """Checking '/generated/alertmanager/alertmanager.yml'  SUCCESS
Found:
 - global config
 - route
 - 6 inhibit rules
 - 4 receivers
 - 1 templates
  FAILED: template: mine.tmpl:2: unclosed action
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            PROMTOOL,
            [
                "  FAILED:",
                'deploy/prometheus/alerts/mine.yml: 5:11: group "mine", rule 1, "Mine": '
                "could not parse expression",
            ],
        ),
        (AMTOOL, ["  FAILED: template: mine.tmpl:2: unclosed action"]),
        ("one\none\ntwo\n", ["one", "two"]),
        (
            "/generated/prometheus/prometheus.yml: only here\n",
            ["deploy/prometheus/prometheus.yml: only here"],
        ),
        ("", []),
    ],
)
def test_a_refusal_is_told_once_in_the_files_of_the_person(said: str, told: list[str]) -> None:
    assert told == complaints(said.splitlines())
