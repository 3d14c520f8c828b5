"""A browser for the tests of pages."""

from __future__ import annotations

import shutil

from tools.stack.console import say

from . import packages


def ensure() -> None:
    """Install Chromium where it is missing and that is allowed; otherwise say what is skipped."""
    if shutil.which("chromium") is not None:
        return
    allowed, reason = packages.may_install()
    if not allowed:
        say(f"  Note: Chromium is missing, and {reason}: the tests of pages are skipped.")
        return
    say("  Missing: Chromium. The pages are tested in a real browser. Installing it.")
    packages.install("chromium", "fonts-dejavu-core")
