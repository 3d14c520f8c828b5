"""The README's first example, as a newcomer would save and run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.contract.conftest import ROOT, Running, ask


def first_example() -> str:
    """Return the program that the README asks to be saved."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"Save this as .*?^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_first_example_runs_as_written_and_its_count_arrives(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("the-push-token\n")
    service = launch(METRICS_PUSH_TOKEN_FILE=str(tmp_path / "token"))
    (tmp_path / "first.py").write_text(first_example(), encoding="utf-8")
    settings = {
        "DREAMOS_METRICS_URL": service.url,
        "DREAMOS_METRICS_TOKEN_FILE": str(tmp_path / "token"),
        "DREAMOS_METRICS_SPOOL": str(tmp_path / "spool"),
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        [sys.executable, "first.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    six = json.loads(ask(service.url + "/metrics/file?format=json").text)
    assert 1 == six["file_writes"]
    text = ask(service.url + "/metrics/file").text
    labels = 'agent="Agent-1",instance="",operation="atomic_write",path="data.txt"'
    assert re.search(r"^file_ops_write_total\{[^}]*\} 1$", text, re.MULTILINE)
    assert all(pair in text for pair in labels.split(","))
    assert 1 == service.value("dreamos_agent_state", agent="Agent-1", state="ended")
