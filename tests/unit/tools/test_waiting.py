"""Who waits in a test or a benchmark uses ``tools/waiting.py``: an end, and a word on what was seen last."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.docs.documents import ROOT
from tools.waiting import WaitedInVainError, eventually, eventually_equal

FOLDERS = ("tests", "benchmarks", "examples")


def _sleeps(loop: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) == ("time", "sleep")
        for node in ast.walk(loop)
    )


def _gives_up(loop: ast.AST) -> bool:
    return any(isinstance(node, (ast.Break, ast.Return)) for node in ast.walk(loop))


def waiting_loops(text: str) -> Iterator[int]:
    """Yield the lines of loops that ask again and again, with a pause or without one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.While):
            idle = all(isinstance(step, ast.Pass) for step in node.body)
            if idle or _sleeps(node):
                yield node.lineno
        elif isinstance(node, ast.For) and _sleeps(node) and _gives_up(node):
            yield node.lineno


def test_nobody_waits_in_a_loop_of_their_own() -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in waiting_loops(path.read_text(encoding="utf-8"))
    ]
    assert [] == found


@pytest.mark.parametrize(
    "loop",
    [
        "while not done():\n    pass",
        "while True:\n    if done():\n        break\n    time.sleep(1)",
        "for _ in range(9):\n    if done():\n        break\n    time.sleep(1)",
    ],
)
def test_such_a_loop_is_found(loop: str) -> None:
    assert [1] == list(waiting_loops(loop))


def test_the_first_true_answer_is_given() -> None:
    answers = iter([0, "", 7, 8])
    assert 7 == eventually(lambda: next(answers), every=0)


def test_an_error_is_not_yet_and_the_last_one_is_told() -> None:
    def refuse() -> bool:
        raise ConnectionRefusedError("nobody there")

    with pytest.raises(WaitedInVainError, match=r"not within 0 s; .*nobody there"):
        eventually(refuse, within=0, every=0)


def test_what_was_seen_instead_is_told() -> None:
    with pytest.raises(WaitedInVainError, match=r"expected 3, seen 4"):
        eventually_equal(3, lambda: 4, within=0, every=0)


def test_who_cannot_come_any_more_is_not_waited_for() -> None:
    with pytest.raises(WaitedInVainError, match=r"ended with 9"):
        eventually(lambda: False, hopeless=lambda: "process 1 ended with 9")


def test_an_error_in_the_question_itself_is_not_waited_out() -> None:
    def broken() -> bool:
        raise KeyError("a mistake of the test")

    with pytest.raises(KeyError):
        eventually(broken)
