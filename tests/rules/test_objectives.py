"""A wrong objective is told with its line and what is right, before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.rules.tooling import DEPLOY, promtool
from tools.render import objectives
from tools.render.__main__ import render
from tools.render.objectives import ObjectiveError

RIGHT = """objectives:
  - name: mails
    promise: 98 % of the mails are answered
    target: 98
    bad: sum by (job) (rate(mail_failed_total[$window]))
    all: sum by (job) (rate(mail_total[$window]))
"""
WRONG = [
    ("name: mails", "name: My Mails", "line 2: name: 'My Mails' is not a word"),
    ("name: mails", "nam: mails", "line 2: nothing reads nam; the keys are name, promise,"),
    (
        "    promise: 98 % of the mails are answered\n",
        "",
        "line 2: promise is missing; for example",
    ),
    ("answered", "answered: 98 %", "is not YAML"),
    ("target: 98", "target: 100", "line 4: target: 100 is not a number above 0 and below 100"),
    ("target: 98", "target: most", "line 4: target: 'most' is not a number"),
    ("target: 98", "target: true", "line 4: target: True is not a number"),
    ("mail_total[$window]", "mail_total[5m]", "line 6: all: no $window in it; for example"),
    ("(mail_total[$window]))", "(mail_total[$window])", "line 6: all: not every parenthesis"),
    ("bad:", "good: x\n    bad:", "line 2: one of bad and good is needed, and not both"),
    ("    bad: sum by (job) (rate(mail_failed_total[$window]))\n", "", "line 2: one of bad and"),
    ("target: 98", "target: 98\n    at_least: few", "line 5: at_least: 'few' is not a number"),
    ("objectives:", "objective:", "line 1: holds no list under the key objectives"),
    ("  - name: mails", "  - mails\n  - name: mails", "line 2: is no entry with keys and values"),
    (RIGHT, "", "line 1: holds no list"),
    (RIGHT, "objectives: [\n", "line 2: is not YAML"),
]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "objectives.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[said[:40] for *_, said in WRONG])
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ObjectiveError) as caught:
        objectives.load(written(tmp_path, RIGHT.replace(old, new)))

    assert str(caught.value).startswith("objectives.yml, line ")
    assert said in str(caught.value)


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = RIGHT + RIGHT.split("\n", 1)[1]

    with pytest.raises(ObjectiveError, match="two objectives are called mails"):
        objectives.load(written(tmp_path, twice))


def test_a_wrong_objective_leaves_everything_as_it_was(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, deploy)
    (deploy / "prometheus/objectives.yml").write_text(RIGHT.replace("98\n", "101\n"))

    [problem] = render(deploy, tmp_path, tmp_path / "out", {})

    assert "objectives.yml, line 4: target: 101" in problem
    assert not (tmp_path / "out").exists()


def test_an_objective_of_ones_own_becomes_rules_that_prometheus_takes(tmp_path: Path) -> None:
    made = objectives.groups(objectives.load(written(tmp_path, RIGHT)))
    (tmp_path / "made.yml").write_text(yaml.safe_dump({"groups": made}))

    mounts = {tmp_path: "/made"}
    answer = promtool().run(
        "check", "rules", "--lint=all", "--lint-fatal", "/made/made.yml", mounts=mounts
    )

    assert 0 == answer.code, answer.text
    names = [rule.get("alert") for group in made for rule in group["rules"] if "alert" in rule]
    assert ["ObjectiveBurningFast", "ObjectiveBurningSlow"] == names


def test_no_limit_is_above_what_can_be_reached(tmp_path: Path) -> None:
    low = RIGHT.replace("target: 98", "target: 50")

    [group] = objectives.groups(objectives.load(written(tmp_path, low)))

    fast = next(rule for rule in group["rules"] if rule.get("alert") == "ObjectiveBurningFast")
    assert 'ratio_rate1h{objective="mails"} > 0.8\n' in fast["expr"]
