"""Commands that are run for the person: whatever becomes of them is an answer, not a traceback."""

from __future__ import annotations

from tools.stack.console import run


def test_a_program_that_is_not_there_is_127() -> None:
    found = run(["no-such-program"])

    assert (127, "no-such-program: No such file or directory") == (found.returncode, found.stderr)


def test_one_that_does_not_end_is_ended_and_is_124() -> None:
    found = run(["sleep", "600"], timeout=0.2)

    assert (124, "`sleep 600 ...` did not end within 0 s") == (found.returncode, found.stderr)


def test_what_it_reads_is_what_it_was_given() -> None:
    assert "é$\n" == run(["cat"], text="é$\n").stdout


def test_nothing_to_read_is_the_end_of_the_file() -> None:
    assert "" == run(["cat"]).stdout
