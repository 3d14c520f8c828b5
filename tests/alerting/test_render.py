"""What is configured is told, what is not is left out, and what is wrong is said before anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.alerting.support import ALL_SECRETS, EMAIL, SECRETS, WATCHED, Rendering, everything
from tests.rules.tooling import DEPLOY, ROOT, Tool, amtool, promtool

ALERTMANAGER = "alertmanager/alertmanager.yml"
PROMETHEUS = "prometheus/prometheus.yml"
RULE_FILES = sorted((DEPLOY / "prometheus").glob("[ar]*/*.yml"))


@pytest.fixture(scope="module")
def am() -> Tool:
    return amtool()


def accepted(tool: Tool, rendering: Rendering) -> None:
    answer = tool.run("check-config", f"/generated/{ALERTMANAGER}", mounts=rendering.mounts())
    assert 0 == answer.code, answer.text


def only(name: str, base: Path) -> Rendering:
    if name == "email":
        return Rendering(base, EMAIL)
    begins = {"msteamsv2": "teams"}.get(name, name)
    secret = next(secret for secret in SECRETS if secret.startswith(begins))
    env = {"TELEGRAM_CHAT_ID": "-1001"} if name == "telegram" else {}
    return Rendering(base, env, {secret: SECRETS[secret]})


@pytest.mark.parametrize("name", WATCHED)
def test_each_receiver_alone_is_told_of_critical_alerts(
    am: Tool, tmp_path: Path, name: str
) -> None:
    rendering = only(name, tmp_path)

    assert [] == rendering.run()

    assert {name} == rendering.integrations("critical")
    assert ({name} - {"pagerduty"}) == rendering.integrations("warning")
    accepted(am, rendering)


def test_without_any_receiver_the_configuration_is_valid_and_tells_nobody(
    am: Tool, tmp_path: Path
) -> None:
    rendering = Rendering(tmp_path)

    assert [] == rendering.run()

    names = ("critical", "warning", "watchdog", "silent")
    assert [set()] * 4 == [rendering.integrations(name) for name in names]
    accepted(am, rendering)


def test_all_receivers_together_are_valid(am: Tool, tmp_path: Path) -> None:
    rendering = everything(tmp_path)

    assert [] == rendering.run()

    assert set(WATCHED) == rendering.integrations("critical")
    assert set(WATCHED) - {"pagerduty"} == rendering.integrations("warning")
    assert {"webhook"} == rendering.integrations("watchdog")
    assert set() == rendering.integrations("silent")
    accepted(am, rendering)


def test_no_secret_is_copied_into_a_rendered_file(tmp_path: Path) -> None:
    rendering = everything(tmp_path)
    rendering.run()

    written = [path.read_text() for path in rendering.out.rglob("*") if path.is_file()]

    assert len(written) >= 4
    assert [] == [text for text in written if "planted" in text]


@pytest.mark.parametrize("name", sorted(ALL_SECRETS))
def test_an_empty_secret_file_counts_as_absent(tmp_path: Path, name: str) -> None:
    secrets = {**ALL_SECRETS, name: " \n"}
    env = {} if name == "smtp_password" else {**EMAIL, "SMTP_AUTH_USERNAME": "dreamos"}
    env = {**env, "TELEGRAM_CHAT_ID": "-1001"}
    if name == "webhook_url":
        del secrets["webhook_token"]
    rendering = Rendering(tmp_path, env, secrets)

    assert [] == rendering.run()
    assert f"/run/secrets/alertmanager/{name}" not in (rendering.out / ALERTMANAGER).read_text()


def test_every_channel_says_that_it_is_over_and_http_ones_give_up_after_ten_seconds(
    tmp_path: Path,
) -> None:
    rendering = everything(tmp_path)
    rendering.run()

    receiver = rendering.receiver("critical")
    configs = {name: config[0] for name, config in receiver.items() if name != "name"}

    assert {True} == {config["send_resolved"] for config in configs.values()}
    # Alertmanager has no such setting for email and Discord: there the group's interval ends it.
    limited = ("slack_configs", "pagerduty_configs", "webhook_configs")
    assert ["10s"] * 3 == [configs[name]["timeout"] for name in limited]
    assert 0 < configs["webhook_configs"]["max_alerts"]


def test_warnings_page_only_when_asked_to(tmp_path: Path) -> None:
    rendering = everything(tmp_path, PAGERDUTY_SEVERITIES="critical, warning")
    rendering.run()

    assert "pagerduty" in rendering.integrations("warning")


def test_email_takes_every_setting(tmp_path: Path) -> None:
    rendering = everything(tmp_path, SMTP_REQUIRE_TLS="false", SMTP_HELLO="host.example.org")
    rendering.run()

    [email] = rendering.receiver("critical")["email_configs"]

    expected = {
        "to": "oncall@example.org, boss@example.org",
        "from": "dreamos@example.org",
        "smarthost": "smtp.example.org:587",
        "require_tls": False,
        "hello": "host.example.org",
        "auth_username": "dreamos",
        "auth_password_file": "/run/secrets/alertmanager/smtp_password",
    }
    assert expected == {name: email[name] for name in expected}


def test_slack_by_the_token_of_a_bot_needs_a_channel_and_no_hook_beside_it(
    am: Tool, tmp_path: Path
) -> None:
    bot = {"slack_bot_token": "xoxb-planted"}
    rendering = Rendering(tmp_path, {"SLACK_CHANNEL": "alerts"}, bot)
    assert [] == rendering.run()

    [slack] = rendering.receiver("warning")["slack_configs"]
    assert "https://slack.com/api/chat.postMessage" == slack["api_url"]
    credentials = slack["http_config"]["authorization"]["credentials_file"]
    assert "/run/secrets/alertmanager/slack_bot_token" == credentials
    accepted(am, rendering)

    [problem] = Rendering(tmp_path, {}, bot).run()
    assert problem.startswith("SLACK_CHANNEL: is missing, and the secret file slack_bot_token is")
    both = {**bot, "slack_api_url": SECRETS["slack_api_url"]}
    [problem] = Rendering(tmp_path, {"SLACK_CHANNEL": "alerts"}, both).run()
    assert problem.startswith("secret file slack_bot_token: is one way to Slack too many")


def test_a_password_in_an_address_belongs_into_a_secret_file_and_is_taken_there(
    am: Tool, tmp_path: Path
) -> None:
    rendering = Rendering(tmp_path, {}, {"webhook_url": "https://me:planted@hook.example.org/x"})

    assert [] == rendering.run()
    assert {"webhook"} == rendering.integrations("critical")
    accepted(am, rendering)


def test_email_addresses_keep_their_names(am: Tool, tmp_path: Path) -> None:
    named = {
        "SMTP_FROM": "Dream.OS <dreamos@example.org>",
        "ALERT_EMAIL_TO": 'Jürgen <j@example.org>, "Boss, the" <boss@example.org>, c@example.org',
    }
    rendering = Rendering(tmp_path, {**EMAIL, **named})

    assert [] == rendering.run()

    [email] = rendering.receiver("critical")["email_configs"]
    assert '"Dream.OS" <dreamos@example.org>' == email["from"]
    assert (
        '=?utf-8?q?J=C3=BCrgen?= <j@example.org>, "Boss, the" <boss@example.org>, c@example.org'
        == email["to"]
    )
    accepted(am, rendering)


def test_settings_reach_the_slack_channel_the_pager_and_the_webhooks_token(tmp_path: Path) -> None:
    rendering = everything(tmp_path, PAGERDUTY_URL="https://events.eu.example.org/v2/enqueue")
    rendering.run()
    critical = rendering.receiver("critical")

    assert "alerts" == critical["slack_configs"][0]["channel"]
    url = "https://events.eu.example.org/v2/enqueue"
    assert url == critical["pagerduty_configs"][0]["url"]
    authorization = critical["webhook_configs"][0]["http_config"]["authorization"]
    assert "/run/secrets/alertmanager/webhook_token" == authorization["credentials_file"]


def test_times_are_those_of_the_settings(tmp_path: Path) -> None:
    times = {
        "ALERT_GROUP_WAIT": "1s",
        "ALERT_GROUP_INTERVAL": "2s",
        "ALERT_REPEAT_INTERVAL_WARNING": "3h",
        "ALERT_REPEAT_INTERVAL_CRITICAL": "4m",
        "SCRAPE_INTERVAL": "5s",
        "EVALUATION_INTERVAL": "6s",
    }
    rendering = Rendering(tmp_path, {**times, "STACK_NAME": "blue"})
    rendering.run()
    route = rendering.load(ALERTMANAGER)["route"]
    [critical] = [child for child in route["routes"] if child["receiver"] == "critical"]
    overall = rendering.load(PROMETHEUS)["global"]

    root = [route[name] for name in ("group_wait", "group_interval", "repeat_interval")]
    assert ["1s", "2s", "3h"] == root
    assert "4m" == critical["repeat_interval"]
    # A time-out longer than the interval is refused by Prometheus.
    names = ("scrape_interval", "evaluation_interval", "scrape_timeout")
    assert ["5s", "6s", "5s"] == [overall[name] for name in names]
    assert {"stack": "blue"} == overall["external_labels"]


def test_each_rendering_makes_prometheus_read_its_tokens_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    for now in (1_000.0, 2_000.0):
        monkeypatch.setattr("tools.render.documents.time.time", lambda now=now: now)
        rendering = Rendering(tmp_path, {})
        assert [] == rendering.run()
        jobs = rendering.load(PROMETHEUS)["scrape_configs"]
        rendered.append({j["job_name"]: j for j in jobs if "authorization" in j})

    assert {"dreamos-metrics", "dreamos-observer"} == set(rendered[0])
    assert all(rendered[0][name] != rendered[1][name] for name in rendered[0])


def test_prometheus_accepts_what_is_rendered(tmp_path: Path) -> None:
    rendering = Rendering(tmp_path, {"SCRAPE_INTERVAL": "2s"})
    rendering.run()
    for kind in ("read", "observer"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "token").write_text("a token\n")
    mounts = {
        rendering.out: "/generated",
        DEPLOY / "prometheus": "/etc/prometheus",
        tmp_path / "read": "/run/secrets/read",
        tmp_path / "observer": "/run/secrets/observer",
    }

    answer = promtool().run("check", "config", f"/generated/{PROMETHEUS}", mounts=mounts)

    assert 0 == answer.code, answer.text
    assert "WARNING" not in answer.text
    assert len(RULE_FILES) + 1 == answer.text.count("rules found")  # and the objectives


@pytest.mark.parametrize(
    ("enabled", "targets"), [("1", [{"targets": ["grafana:3000"]}]), ("0", [])]
)
def test_grafana_is_scraped_only_where_it_runs(
    tmp_path: Path, enabled: str, targets: list[object]
) -> None:
    rendering = Rendering(tmp_path, {"GRAFANA_ENABLED": enabled})
    rendering.run()

    assert targets == json.loads((rendering.out / "prometheus/targets/grafana.json").read_text())


def test_links_in_alerts_lead_to_this_installation(tmp_path: Path) -> None:
    urls = {"METRICS_URL": "https://m.example.org/", "GRAFANA_URL": "https://g.example.org/graphs"}
    rendering = Rendering(tmp_path, urls)
    rendering.run()

    first = rendering.load("prometheus/alerts/dreamos.yml")["groups"][0]["rules"][0]["annotations"]

    assert "https://m.example.org/runbooks/HighErrorRate" == first["runbook_url"]
    assert first["dashboard_url"].startswith("https://g.example.org/graphs/d/dreamos-agents?")


def test_links_follow_a_moved_port(tmp_path: Path) -> None:
    rendering = Rendering(tmp_path, {"METRICS_PORT": "18000"})
    rendering.run()

    first = rendering.load("prometheus/alerts/dreamos.yml")["groups"][0]["rules"][0]["annotations"]

    assert "http://127.0.0.1:18000/runbooks/HighErrorRate" == first["runbook_url"]


def test_without_grafana_no_alert_links_to_a_dashboard(tmp_path: Path) -> None:
    rendering = Rendering(tmp_path, {"GRAFANA_ENABLED": "0"})
    rendering.run()

    written = [path.read_text() for path in (rendering.out / "prometheus/alerts").iterdir()]

    assert len(written) > 2
    assert [] == [text for text in written if "dashboard_url" in text]


def test_rendering_changes_nothing_in_the_rules_but_their_links(tmp_path: Path) -> None:
    rendering = Rendering(tmp_path)
    rendering.run()

    for path in RULE_FILES:
        written = rendering.load(f"prometheus/{path.parent.name}/{path.name}")
        assert yaml.safe_load(path.read_text()) == written


@pytest.mark.parametrize(
    ("interval", "window"), [("5m", "12m"), ("10s", "5m"), ("30m", "62m"), ("95s", "310s")]
)
def test_failed_notifications_are_looked_for_over_more_than_two_group_intervals(
    tmp_path: Path, interval: str, window: str
) -> None:
    rendering = Rendering(tmp_path, {"ALERT_GROUP_INTERVAL": interval})
    rendering.run()

    text = (rendering.out / "prometheus/alerts/alertmanager.yml").read_text()

    assert f"increase(alertmanager_notifications_failed_total[{window}])" in text


def test_what_did_not_change_keeps_its_time_and_the_mark_follows_what_did(tmp_path: Path) -> None:
    mark = tmp_path / "generated/prometheus/targets/rendered.json"
    Rendering(tmp_path).run()
    # Prometheus' own file carries the moment in which it was rendered, and differs each time.
    kept = [path for path in mark.parents[2].rglob("*.*") if path.name != "prometheus.yml"]
    before = {path: path.stat().st_mtime_ns for path in kept}

    Rendering(tmp_path).run()
    assert before == {path: path.stat().st_mtime_ns for path in kept}

    text = mark.read_text()
    Rendering(tmp_path, {"ALERT_GROUP_WAIT": "31s"}).run()
    assert text != mark.read_text()
    assert [] == json.loads(mark.read_text())[0]["targets"]


def test_an_alert_file_that_was_deleted_does_not_live_on(tmp_path: Path) -> None:
    rendering = Rendering(tmp_path)
    rendering.run()
    old = [rendering.out / f"prometheus/{folder}/old.yml" for folder in ("alerts", "rules")]
    for path in old:
        path.write_text("groups: []\n")

    rendering.run()

    assert [False, False] == [path.exists() for path in old]


def test_every_file_can_be_read_by_other_users_and_no_half_file_stays(tmp_path: Path) -> None:
    rendering = everything(tmp_path)
    rendering.run()
    rendering.run()

    paths = [path for path in rendering.out.rglob("*") if path.is_file()]

    assert {0o644} == {path.stat().st_mode & 0o777 for path in paths}
    assert [] == [path for path in paths if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("env", "secrets", "said"),
    [
        ({"SCRAPE_INTERVAL": "15"}, {}, "SCRAPE_INTERVAL: '15' is not a time"),
        ({"SMTP_FROM": "a@example.org"}, {}, "SMTP_SMARTHOST: is missing, and SMTP_FROM is set"),
        ({**EMAIL, "SMTP_AUTH_USERNAME": "u"}, {}, "secret file smtp_password: is missing"),
        ({}, {"slack_api_url": "planted"}, "secret file slack_api_url: its content does not begin"),
        ({}, {"webhook_token": "planted"}, "secret file webhook_url: is missing or empty"),
        (
            {},
            {"telegram_bot_token": "planted"},
            "TELEGRAM_CHAT_ID: is missing, and the secret file",
        ),
        ({}, {"webhook_url": "ftp://planted"}, "secret file webhook_url: its content does not"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    tmp_path: Path, env: dict[str, str], secrets: dict[str, str], said: str
) -> None:
    rendering = Rendering(tmp_path, env, secrets)

    problems = rendering.run()

    assert any(problem.startswith(said) for problem in problems), problems
    assert all("; for example " in problem for problem in problems)
    assert "planted" not in "".join(problems)
    assert not rendering.out.exists()


def test_a_wrong_setting_leaves_what_was_rendered_before(tmp_path: Path) -> None:
    Rendering(tmp_path).run()
    before = (tmp_path / "generated" / ALERTMANAGER).read_bytes()

    assert Rendering(tmp_path, {"ALERT_GROUP_WAIT": "soon"}).run()

    assert before == (tmp_path / "generated" / ALERTMANAGER).read_bytes()


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets/alertmanager/webhook_url").mkdir(parents=True)

    [problem] = Rendering(tmp_path).run()

    assert problem.startswith("secret file webhook_url: cannot be read (Is a directory)")


def test_the_command_prints_one_line_per_problem_and_ends_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.render"]

    done = subprocess.run(
        [*command, f"--secrets={tmp_path}", f"--out={tmp_path / 'o'}"],
        cwd=ROOT,
        env={"SCRAPE_INTERVAL": "never", "ALERT_GROUP_WAIT": "later", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == done.returncode
    assert ["SCRAPE_INTERVAL:", "ALERT_GROUP_WAIT:"] == [
        line.split()[0] for line in done.stderr.splitlines()
    ]


def test_a_broken_base_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy/prometheus"
    deploy.mkdir(parents=True)
    (deploy / "prometheus.yml").write_text("global: [\n")
    command = [sys.executable, "-m", "tools.render", f"--deploy={tmp_path / 'deploy'}"]

    done = subprocess.run(
        [*command, f"--secrets={tmp_path}", f"--out={tmp_path / 'o'}"],
        cwd=ROOT,
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == done.returncode
    assert "prometheus.yml" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()
