"""The way out: a proxy for every HTTP receiver, and further certificates."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.alerting.support import ALL_SECRETS, ALL_SETTINGS, Rendering, everything
from tests.rules.tooling import DEPLOY, amtool
from tools.render.__main__ import render
from tools.render.publish import publish

ALERTMANAGER = "alertmanager/alertmanager.yml"


def test_every_receiver_goes_through_the_proxy_also_one_with_settings_of_its_own(
    tmp_path: Path,
) -> None:
    rendering = everything(
        tmp_path, ALERT_PROXY_URL="http://proxy:3128", ALERT_NO_PROXY="host.docker.internal"
    )
    assert [] == rendering.run()

    way = {"proxy_url": "http://proxy:3128", "no_proxy": "host.docker.internal"}
    assert way == rendering.load(ALERTMANAGER)["global"]["http_config"]
    [webhook] = rendering.receiver("critical")["webhook_configs"]
    assert way == {name: webhook["http_config"][name] for name in way}
    assert "authorization" in webhook["http_config"]
    answer = amtool().run("check-config", f"/generated/{ALERTMANAGER}", mounts=rendering.mounts())
    assert 0 == answer.code, answer.text


def test_without_a_proxy_there_is_none(tmp_path: Path) -> None:
    rendering = everything(tmp_path)
    rendering.run()

    assert "proxy" not in (rendering.out / ALERTMANAGER).read_text()


def test_a_proxy_with_a_password_is_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    secret = "http://user:planted@proxy:3128"
    rendering = Rendering(tmp_path, ALL_SETTINGS, {**ALL_SECRETS, "proxy_url": secret})
    assert [] == rendering.run()
    (tmp_path / "live").mkdir()

    publish(rendering.out, tmp_path / "live")

    for folder in (rendering.out, tmp_path / "live"):
        holding = [p for p in folder.rglob("*") if p.is_file() and "planted@" in p.read_text()]
        assert [folder / ALERTMANAGER] == holding
        # The group is Alertmanager's own: nobody else is in it (docs/security.md).
        assert 0o640 == stat.S_IMODE((folder / ALERTMANAGER).stat().st_mode)


@pytest.mark.parametrize(
    ("text", "written"),
    [("-----BEGIN CERTIFICATE-----\nAA\n", True), ("probes: []\n", False), ("", False)],
)
def test_certificates_are_put_where_alertmanager_reads_them(
    tmp_path: Path, text: str, written: bool
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(text)

    assert [] == render(DEPLOY, tmp_path, tmp_path / "out", {}, ca=ca)

    assert written == (tmp_path / "out/alertmanager/ca/extra.pem").exists()


def test_certificates_that_are_not_wanted_any_more_are_taken_away(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nAA\n")
    render(DEPLOY, tmp_path, tmp_path / "out", {}, ca=ca)

    render(DEPLOY, tmp_path, tmp_path / "out", {})

    assert not (tmp_path / "out/alertmanager/ca/extra.pem").exists()


def test_publish_makes_the_live_folder_equal_and_takes_away_what_is_gone(tmp_path: Path) -> None:
    accepted, live = tmp_path / "accepted", tmp_path / "live"
    (accepted / "a/b").mkdir(parents=True)
    (live / "a").mkdir(parents=True)
    (accepted / "a/b/new.yml").write_text("1")
    (live / "a/old.yml").write_text("2")

    publish(accepted, live)

    assert {"a/b/new.yml"} == {str(p.relative_to(live)) for p in live.rglob("*") if p.is_file()}
