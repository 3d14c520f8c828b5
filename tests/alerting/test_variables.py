"""Settings are checked with nothing but the standard library, and every problem helps."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rules.tooling import ROOT
from tools.render import example, variables
from tools.render.kinds import KINDS
from tools.render.variables import BY_NAME, VARIABLES, check, env_example, known, links, value

RIGHT = [
    ("ALERT_QUIET_HOURS", "22:00-07:00"),
    ("TELEGRAM_CHAT_ID", "-1001234567890"),
    ("ALERT_TIMEZONE", "America/Argentina/Buenos_Aires"),
    ("BIND_ADDRESS", "0.0.0.0"),
    ("BIND_ADDRESS", "::1"),
    ("METRICS_PORT", "1"),
    ("METRICS_PORT", "65535"),
    ("METRICS_URL", "https://example.org:8443/path"),
    ("METRICS_URL", "http://[::1]:8000"),
    ("SCRAPE_INTERVAL", "1m"),
    ("SCRAPE_INTERVAL", "500ms"),
    ("RETENTION_TIME", "1y2w3d4h5m6s7ms"),
    ("RETENTION_SIZE", "512MB"),
    ("SMTP_REQUIRE_TLS", "False"),
    ("PAGERDUTY_SEVERITIES", "critical, warning"),
    ("SLACK_CHANNEL", "#ops"),
    ("PROMETHEUS_IMAGE", "registry.example.org:5000/a/b:1@sha256:" + "0" * 64),
    ("STACK_NAME", "blue-1"),
    ("METRICS_LOG_LEVEL", "DEBUG"),
    ("METRICS_NEW_SERIES_SHARE", ".5"),
    ("METRICS_NEW_SERIES_SHARE", "1"),
    ("METRICS_PORT", ""),
    ("METRICS_WORKSPACE_TIMEZONE", "Europe/Berlin"),
    ("GRAFANA_URL", "https://bücher.example/grafana/"),
    ("ALERT_PROXY_URL", "http://proxy:3128/"),
    ("ALERT_NO_PROXY", "localhost,.example.org, 10.0.0.0/8,[::1]:9093"),
    ("COMPOSE_PROJECT_NAME", "dreamos-2"),
    ("RETENTION_TIME", "100y"),
]
WRONG = [
    ("ALERT_QUIET_HOURS", "22-7", "is not a time of the day to another"),
    ("ALERT_QUIET_HOURS", "22:00-24:00", "is not a time of the day to another"),
    ("ALERT_QUIET_HOURS", "07:00-07:00", "begins when it ends"),
    ("TELEGRAM_CHAT_ID", "@alerts", "is not the number of a chat"),
    ("ALERT_TIMEZONE", "Berlin/Europe", "is not a time zone"),
    ("BIND_ADDRESS", "localhost", "is not an IP address"),
    ("BIND_ADDRESS", "fe80::1%eth0", "is not an IP address that ports"),
    ("BIND_ADDRESS", "224.0.0.1", "is not an IP address that ports"),
    ("METRICS_WORKSPACE_TIMEZONE", "Berlin/Europe", "is not a time zone"),
    ("METRICS_WORKSPACE_TIMEZONE", "../etc/passwd", "is not a time zone"),
    ("METRICS_PORT", "08000", "is not a port number"),
    ("PROMETHEUS_URL", "https://example.org/a:b", "has a path that holds"),
    ("PROMETHEUS_URL", "https://example.org/a*", "has a path that holds"),
    ("GRAFANA_URL", "https://example.org/?orgId=1", "has a query or a fragment"),
    ("GRAFANA_URL", "https://example.org/#top", "has a query or a fragment"),
    ("GRAFANA_URL", "https://example.org/%zz", "holds a % that begins no escape"),
    ("GRAFANA_URL", "https://exa mple.org", "has no place in an address"),
    ("GRAFANA_URL", "https://exam|ple.org", "has no place in an address"),
    ("GRAFANA_URL", "https://exam$ple.org", "has a wrong port or host"),
    ("ALERT_PROXY_URL", "socks5://proxy:1080", "does not begin with http"),
    ("ALERT_PROXY_URL", "http://u:p@proxy:3128", "holds a password, which belongs into a file"),
    ("ALERT_NO_PROXY", "two words", "is wrong at 'two words'"),
    ("COMPOSE_PROJECT_NAME", "Dreamos", "is not a name of small letters"),
    ("RETENTION_TIME", "300y", "is longer than 290y"),
    ("RETENTION_SIZE", "9000000000TB", "is more than there is"),
    ("GRAFANA_IMAGE", "grafana/grafana:13.2.3-slim", "comes without the plugin"),
    ("GRAFANA_IMAGE", "grafana/grafana:12.4.12-distroless", "has no shell"),
    ("GRAFANA_IMAGE", "grafana/Grafana:12", "is not the name of an image"),
    ("METRICS_PORT", "0", "is not a port number"),
    ("METRICS_PORT", "65536", "is not a port number"),
    ("METRICS_PORT", "80a", "is not a port number"),
    ("METRICS_PORT", "²", "is not a port number"),
    ("METRICS_URL", "example.org", "does not begin with http"),
    ("METRICS_URL", "https://", "names no machine"),
    ("METRICS_URL", "https://a b", "has no place in an address"),
    ("METRICS_URL", "https://u:p@example.org", "holds a password"),
    ("METRICS_URL", "https://example.org:99999", "has a wrong port or host"),
    ("SCRAPE_INTERVAL", "15", "is not a time with its unit"),
    ("SCRAPE_INTERVAL", "1.5m", "is not a time with its unit"),
    ("SCRAPE_INTERVAL", "30s1m", "is not a time with its unit"),
    ("SCRAPE_INTERVAL", "0s", "is no time at all"),
    ("SCRAPE_INTERVAL", "61s", "is over 1m"),
    ("EVALUATION_INTERVAL", "5m", "is over 1m"),
    ("RETENTION_SIZE", "10", "is not a size"),
    ("RETENTION_SIZE", "0GB", "is not a size"),
    ("SMTP_REQUIRE_TLS", "maybe", "is neither true nor false"),
    ("PAGERDUTY_SEVERITIES", "critical,info", "is wrong at 'info'"),
    ("SLACK_CHANNEL", "two words", "is not a channel"),
    ("PROMETHEUS_IMAGE", "Prom/Prometheus: 3", "is not the name of an image"),
    ("STACK_NAME", "two words", "is not one word"),
    ("METRICS_LOG_LEVEL", "loud", "is not a level"),
    ("METRICS_NEW_SERIES_SHARE", "0", "is not a share"),
    ("METRICS_NEW_SERIES_SHARE", "0.0", "is not a share"),
    ("METRICS_NEW_SERIES_SHARE", "1.5", "is not a share"),
    ("METRICS_NEW_SERIES_SHARE", "25%", "is not a share"),
]
WRONG_EMAIL = [
    ("ALERT_EMAIL_TO", "{{ x }} <b@example.org>", "is wrong at '{{ x }} <b@example.org>'"),
    ("SMTP_FROM", "a@example.org, b@example.org", "is not an email address"),
    ("SMTP_SMARTHOST", "smtp.example.org", "has no port"),
    ("SMTP_SMARTHOST", "smtp.example.org:mail", "has a port that is not a number"),
    ("SMTP_SMARTHOST", "two words:25", "is not the name of a machine"),
    ("SMTP_FROM", "nobody", "is not an email address"),
    ("ALERT_EMAIL_TO", "a@example.org,,b@example.org", "is wrong at ''"),
    ("ALERT_EMAIL_TO", "A <a@example.org", "is wrong at 'A <a@example.org'"),
    ("ALERT_EMAIL_TO", "A, B <a@example.org>", "is wrong at 'A'"),
    ("SMTP_FROM", 'a"b@example.org', "is not an email address"),
    ("SMTP_HELLO", "a b", "is not the name of a machine"),
]


@pytest.mark.parametrize(("name", "text"), RIGHT)
def test_right_value_passes(name: str, text: str) -> None:
    assert [] == check({name: text})


@pytest.mark.parametrize(("name", "text", "wrong"), WRONG)
def test_wrong_value_is_named_with_what_is_wrong_and_an_example(
    name: str, text: str, wrong: str
) -> None:
    [problem] = check({name: text})

    assert (name, True) == (problem.variable, wrong in problem.wrong)
    assert str(problem).startswith(f"{name}: {text!r} ")
    assert str(problem).endswith(f"; for example {name}={BY_NAME[name].example}")


@pytest.mark.parametrize(("name", "text", "wrong"), WRONG_EMAIL)
def test_wrong_email_setting_is_named(name: str, text: str, wrong: str) -> None:
    email = {
        "SMTP_SMARTHOST": "smtp.example.org:587",
        "SMTP_FROM": "a@example.org",
        "ALERT_EMAIL_TO": "b@example.org",
    }

    [problem] = check({**email, name: text})

    assert (name, True) == (problem.variable, wrong in problem.wrong)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_default_and_every_example_is_right(variable: variables.Variable) -> None:
    kind = KINDS[variable.kind]

    assert None is kind(variable.example)
    assert not variable.default or None is kind(variable.default)


def test_nothing_set_is_right() -> None:
    assert [] == check({})


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("METRICS_PROT", "METRICS_PORT"),
        ("metrics_port", "METRICS_PORT"),
        ("SMTP_SMART_HOST", "SMTP_SMARTHOST"),
        ("EMAIL_TO", "ALERT_EMAIL_TO"),
    ],
)
def test_misspelt_name_is_told_with_the_nearest_one(name: str, near: str) -> None:
    [problem] = check({name: "1"})

    assert f"nothing reads this setting; is {near} meant?" == problem.wrong


@pytest.mark.parametrize(
    "text",
    ["On Call <a@example.org>", '"Call, On" <a@example.org>, b@example.org', "<a@example.org>"],
)
def test_mail_addresses_may_have_names(text: str) -> None:
    email = {"SMTP_SMARTHOST": "smtp.example.org:587", "SMTP_FROM": "Stack <a@example.org>"}

    assert [] == check({**email, "ALERT_EMAIL_TO": text})


def test_names_that_are_not_like_ours_are_left_alone_as_are_dockers() -> None:
    assert [] == check({"XYZZY": "1", "COMPOSE_PROJECT_NAME": "x", "DOCKER_BUILDKIT": "1"})


def test_a_name_with_one_of_our_beginnings_is_told() -> None:
    [problem] = check({"METRICS_XYZZY": "1"})

    assert "nothing reads this setting" == problem.wrong


def test_a_name_like_ours_that_the_persons_own_services_use_is_left_alone() -> None:
    assert [] == check({"MY_SMTP_FROM": "1"}, mentioned={"MY_SMTP_FROM"})


def test_two_parts_on_one_port_are_told() -> None:
    [problem] = check({"GRAFANA_PORT": "9090"})

    assert ("GRAFANA_PORT", "'9090' is also PROMETHEUS_PORT") == (problem.variable, problem.wrong)


def test_half_an_email_configuration_names_the_missing_half() -> None:
    problems = check({"ALERT_EMAIL_TO": "a@example.org"})

    assert ["SMTP_SMARTHOST", "SMTP_FROM"] == [problem.variable for problem in problems]


def test_all_problems_are_told_at_once() -> None:
    problems = check({"METRICS_PORT": "x", "SCRAPE_INTERVAL": "y", "GRAFANA_NONSENSE": "z"})

    assert {"METRICS_PORT", "SCRAPE_INTERVAL", "GRAFANA_NONSENSE"} == {
        problem.variable for problem in problems
    }


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "http://127.0.0.1:3000"),
        ({"GRAFANA_PORT": "13000"}, "http://127.0.0.1:13000"),
        ({"BIND_ADDRESS": "0.0.0.0"}, "http://127.0.0.1:3000"),
        ({"BIND_ADDRESS": "::"}, "http://[::1]:3000"),
        ({"BIND_ADDRESS": "10.0.0.5"}, "http://10.0.0.5:3000"),
        ({"GRAFANA_URL": "https://g.example.org/x/"}, "https://g.example.org/x"),
    ],
)
def test_links_name_an_address_that_people_can_open(env: dict[str, str], url: str) -> None:
    assert url == links(env)["GRAFANA_URL"]


def test_empty_means_the_default() -> None:
    assert "8000" == value({"METRICS_PORT": " "}, "METRICS_PORT")


def test_known_keeps_only_the_stacks_own_settings() -> None:
    assert {"METRICS_PORT": "1"} == known({"METRICS_PORT": "1", "PATH": "/bin"})


def test_env_example_names_every_setting_once_and_is_itself_right() -> None:
    lines = env_example().splitlines()
    settings = [line[1:].split("=", 1) for line in lines if line.startswith("#") and "=" in line]
    written = {name: text for name, text in settings if name in BY_NAME}

    assert [variable.name for variable in VARIABLES] == [name for name, _ in settings]
    assert [] == check(written)


def test_env_example_in_the_tree_is_the_tables() -> None:
    assert env_example() == example.EXAMPLE.read_text(encoding="utf-8")


def test_the_check_imports_nothing_beyond_the_standard_library() -> None:
    code = (
        "import sys; import tools.render.variables; "
        "print(*{m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names))"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert {"tools", "__main__"} == set(done.stdout.split()) | {"__main__"}
