"""Settings: what is refused, and names that settings had before."""

from __future__ import annotations

import logging
from dataclasses import fields

import pytest

from services.metrics.settings import FORMER_NAMES, BadSetting, Settings

NUMBERS = [
    field.name
    for field in fields(Settings)
    if type(field.default) in (int, float) and field.name != "port"
]
FLOATS = [field.name for field in fields(Settings) if type(field.default) is float]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1"])
def test_a_number_that_is_not_above_0_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"METRICS_{name.upper()}=.* above 0; example: "):
        Settings.from_env({f"METRICS_{name.upper()}": value})


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "NaN", "infinity"])
def test_what_is_no_finite_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"METRICS_{name.upper()}=.*; example: "):
        Settings.from_env({f"METRICS_{name.upper()}": value})


@pytest.mark.parametrize(("old", "new"), FORMER_NAMES.items())
def test_a_former_name_goes_on_working_and_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture, old: str, new: str
) -> None:
    field = new.removeprefix("METRICS_").lower()
    with caplog.at_level(logging.WARNING, "dreamos.metrics"):
        assert 0.5 == getattr(Settings.from_env({old: "0.5"}), field)
        assert 0.25 == getattr(Settings.from_env({old: "0.5", new: "0.25"}), field)
    assert f"{old} is called {new} now" in caplog.text


def test_an_empty_former_name_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert Settings() == Settings.from_env(dict.fromkeys(FORMER_NAMES, ""))
    assert "" == caplog.text
