"""The path label: few values, and nothing in it that nobody chose to show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamos.core.metrics import set_path_label, testing
from dreamos_metrics.instrumentation.path_label import PathSettings, label_for


def test_by_default_the_extension_shows_and_nothing_else() -> None:
    assert "*.json" == label_for("/home/alice/session-8f3/state.json")
    assert "*.md" == label_for(Path("inbox") / "MESSAGE_1.MD")
    assert "*.md" == label_for(b"inbox/x.md")
    assert "(none)" == label_for("Makefile")
    assert "(none)" == label_for(".env")
    assert "(other)" == label_for("notes.hunter2")
    assert "(directory)" == label_for("runtime/queue.d", directory=True)


@given(path=st.text(), directory=st.booleans())
def test_by_default_the_label_is_one_of_a_fixed_list(path: str, directory: bool) -> None:
    set_path_label()
    label = label_for(path, directory=directory)
    assert label[:2] == "*." or label in {"(none)", "(other)", "(directory)", "(unknown)"}
    assert len(label) < 15


@given(
    secret=st.text("abcdefABCDEF0123456789_-", min_size=12, max_size=40).map(lambda s: f"sk{s}"),
    shape=st.sampled_from(["{}", "/home/{}/a.txt", "{}/a.json", "a.{}", "runtime/{}", "~/{}.md"]),
)
def test_a_secret_in_a_path_never_shows_by_default(secret: str, shape: str) -> None:
    set_path_label()
    assert secret not in label_for(shape.format(secret))


def test_top_shows_the_first_folder_below_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_path_label("top")
    assert "runtime" == label_for("runtime/queue/7.json")
    assert "runtime" == label_for(tmp_path / "runtime" / "a.json")
    assert "runtime" == label_for("runtime", directory=True)
    assert "." == label_for("a.json")
    assert "(outside)" == label_for("/etc/passwd")
    assert "(outside)" == label_for("../elsewhere/a.json")


def test_full_shows_the_path_below_its_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_path_label("full")
    assert "runtime/queue/7.json" == label_for(tmp_path / "runtime" / "queue" / "7.json")
    assert "a/c.json" == label_for("a/b/../c.json")
    assert "." == label_for(tmp_path)


@pytest.mark.parametrize(
    "path", ["/home/alice/x.txt", "/Users/alice/x.txt", "C:\\Users\\alice\\x.txt"]
)
def test_full_never_shows_whose_home_it_is(path: str) -> None:
    set_path_label("full")
    assert "~/x.txt" == label_for(path)


def test_a_path_below_none_of_the_named_roots_is_outside_in_every_mode(tmp_path: Path) -> None:
    for mode, inside in (("extension", "*.md"), ("top", "b"), ("full", "b/c.md")):
        set_path_label(mode, roots=[str(tmp_path / "a"), "/srv/agents"])  # type: ignore[arg-type]
        assert inside == label_for(tmp_path / "a" / "b" / "c.md")
        assert inside == label_for("/srv/agents/b/c.md")
        assert "(outside)" == label_for(tmp_path / "ab" / "c.md")


def test_over_the_cap_everything_is_one_value_and_is_counted() -> None:
    set_path_label("full", roots=["/"], cap=3)
    labels = [label_for(f"/{number}.txt") for number in range(10)]
    assert ["0.txt", "1.txt", "2.txt", *["(other)"] * 7] == labels
    assert "1.txt" == label_for("/1.txt")
    assert 7 == testing.value("dreamos_client_folded_labels_total", label="path")


def test_a_given_label_is_used_below_the_cap() -> None:
    set_path_label(cap=1)
    assert "data.txt" == label_for("/x/y/data.txt", given="data.txt")
    assert "(other)" == label_for("/x/y/more.txt", given="more.txt")


@pytest.mark.parametrize("odd", [None, 7, object(), "", b""])
def test_what_is_no_path_is_unknown(odd: object) -> None:
    assert "(unknown)" == label_for(odd)


def test_the_settings_come_from_the_environment() -> None:
    settings = PathSettings.from_environment(
        {
            "DREAMOS_METRICS_PATH_LABEL": "Top",
            "DREAMOS_METRICS_PATH_ROOTS": f"/srv/a{os.pathsep}/srv/b",
            "DREAMOS_METRICS_PATH_CAP": "7",
        }
    )
    assert PathSettings("top", ("/srv/a", "/srv/b"), 7) == settings
    assert PathSettings() == PathSettings.from_environment({})


@pytest.mark.parametrize(
    "wrong",
    [{"DREAMOS_METRICS_PATH_LABEL": "everything"}, {"DREAMOS_METRICS_PATH_CAP": "-1"},
     {"DREAMOS_METRICS_PATH_CAP": "many"}, {"DREAMOS_METRICS_PATH_CAP": "²"}],
)  # fmt: skip
def test_a_wrong_setting_is_counted_and_the_default_holds(wrong: dict[str, str]) -> None:
    assert PathSettings() == PathSettings.from_environment(wrong)
    assert {"setting": 1} == testing.errors()


def test_in_code_a_wrong_setting_raises() -> None:
    with pytest.raises(ValueError, match="everything"):
        set_path_label("everything")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cap"):
        set_path_label(cap=0)


def test_a_deleted_working_directory_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    set_path_label("top")
    assert label_for("a/b.txt") in {"(outside)", "a"}
