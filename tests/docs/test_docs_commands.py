"""What the pages tell people to type is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.docs.documents import ROOT, code, name_of, pages
from tools.render.variables import env_example

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PHONY = set(re.findall(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE)[0].split())
MAKE = re.compile(r"(?:^|[\s;&|(=])make((?: +[a-z][\w-]*| +[A-Z_]+=\S*| +-\S+)+)")
MODULE = re.compile(r"python3?(?:\.exe)? +-m +((?:tools|benchmarks|services|examples)\b[\w.]*)")
SCRIPT = re.compile(r"python3? +((?:tools|benchmarks|examples|tests)/\S+\.py)")


def typed() -> list[tuple[str, str]]:
    """Return every piece of code on a page, with the page it is on."""
    return [(name_of(page), line) for page in pages() for line in code(page)]


def can_be_run(module: str) -> bool:
    """Tell whether ``python -m module`` finds something."""
    path = Path(ROOT, *module.rstrip(".").split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_every_make_command_on_a_page_exists() -> None:
    unknown = {
        f"{page}: make {word}"
        for page, line in typed()
        for words in MAKE.findall(line)
        for word in words.split()
        if re.fullmatch(r"[a-z][\w-]*", word) and word not in PHONY
    }
    assert set() == unknown, "\n".join(sorted(unknown))


def test_every_module_and_script_that_is_to_be_run_exists() -> None:
    makefile = [("Makefile", line) for line in MAKEFILE.splitlines()]
    missing = set()
    for page, line in [*typed(), *makefile]:
        missing |= {f"{page}: {name}" for name in MODULE.findall(line) if not can_be_run(name)}
        missing |= {
            f"{page}: {name}" for name in SCRIPT.findall(line) if not (ROOT / name).exists()
        }
    assert set() == missing, "\n".join(sorted(missing))


def test_the_commands_of_the_first_minutes_are_among_them() -> None:
    lines = [line for page, line in typed() if page == "README.md"]
    assert {"up", "test", "status"} <= {
        word for line in lines for words in MAKE.findall(line) for word in words.split()
    }
    assert "tools.start_metrics_server" in {m for line in lines for m in MODULE.findall(line)}


def test_make_alone_lists_every_target() -> None:
    command = ["make", "--no-print-directory"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE))
    assert PHONY == listed, f"make help and .PHONY differ in {sorted(PHONY ^ listed)}"


def test_the_example_of_settings_is_what_the_table_of_settings_says() -> None:
    assert env_example() == (ROOT / ".env.example").read_text(encoding="utf-8")


def test_the_changelog_tells_what_is_not_released_yet() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert sections[0].startswith("Unreleased\n")
    assert re.search(r"^- \w", sections[0], re.MULTILINE)
