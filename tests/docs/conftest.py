"""A real service, as in the contract tests."""

from __future__ import annotations

from tests.contract.conftest import launch, shared

__all__ = ["launch", "shared"]
