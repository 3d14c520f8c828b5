"""Every reason of `dreamos_client_errors_total` stands in the table of docs/library.md, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4]
#: Calls of these names say a reason in this argument.
CALLS = {"record_error": 0, "_failed": 1}
DYNAMIC = {"reason"}


def reasons_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        # `self._failed`: a function of that name elsewhere is another thing.
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = "record_error" if ast.unparse(node.func) == "record_error" else name
        if name not in CALLS or len(node.args) <= CALLS[name]:
            continue
        reason = node.args[CALLS[name]]
        if isinstance(reason, ast.Constant):
            yield str(reason.value)
        else:
            assert isinstance(reason, ast.Name), ast.dump(reason)
            assert reason.id in DYNAMIC, f"a reason that no reader can see: {ast.unparse(node)}"


def test_the_table_of_reasons_is_complete() -> None:
    said = {
        reason
        for path in (ROOT / "src" / "dreamos_metrics").rglob("*.py")
        for reason in reasons_in(ast.parse(path.read_text(encoding="utf-8")))
    }
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    table = text.partition("## Reasons in")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = {reason for row in rows for reason in re.findall(r"`([a-z_]+)`", row)}
    # `other` is what is counted when there are too many of them.
    assert said | {"other"} == told
    assert all(re.fullmatch(r"[a-z_]+", reason) for reason in said)
