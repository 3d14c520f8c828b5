"""What is refused before anything is touched."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tools.stack import preflight
from tools.stack.console import StackError
from tools.stack.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"


def written(folder: Path, text: str) -> Settings:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return preflight.settings(path, EXAMPLE)


def test_a_line_that_is_no_setting_is_named_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"line 2: 'nonsense' is not a setting; write NAME=value"):
        written(tmp_path, "METRICS_PORT=8001\nnonsense\n")


def test_a_wrong_value_is_named_with_what_is_wrong_and_an_example(tmp_path: Path) -> None:
    with pytest.raises(StackError) as refusal:
        written(tmp_path, "GRAFANA_PORT=many\nSCRAPE_INTERVAL=often\n")

    text = str(refusal.value)
    assert "GRAFANA_PORT: 'many'" in text
    assert "for example GRAFANA_PORT=3000" in text
    assert "SCRAPE_INTERVAL: 'often'" in text
    assert "for example SCRAPE_INTERVAL=15s" in text


def test_a_misspelt_name_is_reported_with_the_one_that_is_meant(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="GRAFANA_PROT.*is GRAFANA_PORT meant"):
        written(tmp_path, "GRAFANA_PROT=3000\n")


def test_email_that_is_only_half_configured_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="ALERT_EMAIL_TO|SMTP_FROM"):
        written(tmp_path, "SMTP_SMARTHOST=smtp.example.org:587\n")


@pytest.mark.parametrize("name", ["WORKSPACE_DIR", "PROBES_FILE", "ALERT_CA_FILE"])
def test_a_path_that_does_not_exist_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match=rf"{name}: there is no .*/nowhere'; for example {name}="):
        written(tmp_path, f"{name}={tmp_path}/nowhere\n")


def test_without_a_file_the_example_is_put_there_and_every_default_holds(tmp_path: Path) -> None:
    settings = preflight.settings(tmp_path / ".env", EXAMPLE)

    assert EXAMPLE.read_text() == (tmp_path / ".env").read_text()
    assert "8000" == settings["METRICS_PORT"]


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_PORT", "8123")

    assert "8123" == written(tmp_path, "METRICS_PORT=8001\n")["METRICS_PORT"]


def test_a_port_in_use_is_named_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = written(tmp_path, f"PROMETHEUS_PORT={port}\n")

        with pytest.raises(StackError, match=rf"port {port} .*PROMETHEUS_PORT="):
            preflight.check_ports(settings, {})


def test_a_port_that_this_stack_has_open_itself_is_no_obstacle(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        rest = "METRICS_PORT=28471\nALERTMANAGER_PORT=28472\nGRAFANA_PORT=28473\n"
        settings = written(tmp_path, f"PROMETHEUS_PORT={port}\n{rest}")

        preflight.check_ports(settings, {"prometheus": port})


def test_two_parts_may_change_their_ports_with_each_other(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = one.getsockname()[1], two.getsockname()[1]
        rest = "METRICS_PORT=28471\nGRAFANA_PORT=28473\n"
        swapped = f"PROMETHEUS_PORT={ports[1]}\nALERTMANAGER_PORT={ports[0]}\n"
        settings = written(tmp_path, swapped + rest)

        preflight.check_ports(settings, {"prometheus": ports[0], "alertmanager": ports[1]})


def test_an_address_that_this_machine_does_not_have_is_refused(tmp_path: Path) -> None:
    settings = written(tmp_path, "BIND_ADDRESS=192.0.2.1\n")

    with pytest.raises(StackError, match=r"BIND_ADDRESS: 192\.0\.2\.1"):
        preflight.check_ports(settings, {})


def test_opening_the_ports_to_other_machines_is_said_aloud(tmp_path: Path) -> None:
    assert [] == preflight.warnings(written(tmp_path, ""))
    (warning,) = preflight.warnings(written(tmp_path, "BIND_ADDRESS=0.0.0.0\n"))
    assert "BIND_ADDRESS=0.0.0.0" in warning
    assert "Prometheus and Alertmanager" in warning


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9090"),
        ("::1", "http://[::1]:9090"),
        ("::", "http://[::1]:9090"),
        ("0.0.0.0", "http://127.0.0.1:9090"),
    ],
)
def test_prometheus_is_asked_where_this_machine_reaches_it(
    tmp_path: Path, address: str, url: str
) -> None:
    assert url == written(tmp_path, f"BIND_ADDRESS={address}\n").addresses()["prometheus"]


def test_a_part_with_a_path_in_its_address_is_asked_below_that_path(tmp_path: Path) -> None:
    settings = written(
        tmp_path, "PROMETHEUS_URL=https://x.example/a/b/\nMETRICS_URL=https://x.example/metrics\n"
    )

    assert "http://127.0.0.1:9090/a/b" == settings.addresses()["prometheus"]
    assert "http://127.0.0.1:8000" == settings.addresses()["metrics"]
    assert "/a/b" == settings.environment()["PROMETHEUS_PATH"]


@pytest.mark.parametrize(
    "line",
    [
        "TZ=Europe/Berlin",
        "HTTP_PROXY=http://proxy.example.org:3128",
        "no_proxy=.example.org",
        "GF_LOG_LEVEL=debug",
        "GF_AUTH_ANONYMOUS_ENABLED=true",
        "COMPOSE_PROFILES=mine",
        "MYAPP_TOKEN=x",
    ],
)
def test_a_variable_that_is_not_ours_is_passed_on_and_listed(tmp_path: Path, line: str) -> None:
    settings = written(tmp_path, line + "\n")
    name, _, value = line.partition("=")

    assert value == settings.environment()[name]
    assert name in "".join(preflight.warnings(settings))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("TZ=Berlin/Europe", "TZ: 'Berlin/Europe' is not a time zone"),
        ("https_proxy=proxy:3128", "https_proxy: does not begin with http"),
        ("GF_SERVER_ROOT_URL=https://x", "GF_SERVER_ROOT_URL: the stack sets it itself; for exam"),
        ("DOCKER_HOST=tcp://x", "DOCKER_HOST: the Docker client reads it from the shell only; for"),
        ("GF_SECURITY_ADMIN_PASSWORD=x", "GF_SECURITY_ADMIN_PASSWORD: the stack sets it itself"),
        ("GRAFANA_COLOUR=blue", "GRAFANA_COLOUR: nothing reads this setting"),
    ],
)
def test_a_variable_that_cannot_be_passed_on_as_it_is_is_refused(
    tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(StackError) as refusal:
        written(tmp_path, line + "\n")

    assert said in str(refusal.value)


def test_the_usual_proxy_variables_are_the_way_of_notifications(tmp_path: Path) -> None:
    settings = written(tmp_path, "HTTPS_PROXY=http://p.example:1\nNO_PROXY=.example.org\n")

    environment = settings.environment()

    assert "http://p.example:1" == environment["ALERT_PROXY_URL"]
    assert ".example.org" == environment["ALERT_NO_PROXY"]


def test_the_shells_own_variables_are_not_replaced(tmp_path: Path) -> None:
    settings = written(tmp_path, "PATH=/nowhere\nHOME=/nowhere\n")

    assert os.environ["PATH"] == settings.environment()["PATH"]


def test_the_zone_of_the_shell_is_not_the_stacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    assert "" == written(tmp_path, "").environment()["TZ"]


@pytest.mark.parametrize("folder", ["/", "~", ".", "..", "deploy", "README.md"])
def test_a_folder_that_is_not_for_secrets_alone_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(StackError, match=r"SECRETS_DIR: .*; for example SECRETS_DIR=\./secrets"):
        written(tmp_path, f"SECRETS_DIR={folder}\n")


@pytest.mark.parametrize("content", ["", "nothing", "-----BEGIN CERTIFICATE-----\nxx\n"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "ca.pem").write_text(content)

    with pytest.raises(StackError, match=r"ALERT_CA_FILE: .* holds no certificates in PEM"):
        written(tmp_path, f"ALERT_CA_FILE={tmp_path}/ca.pem\n")
