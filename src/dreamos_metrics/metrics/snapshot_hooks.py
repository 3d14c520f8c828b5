"""Hooks that run before each snapshot."""

from __future__ import annotations

from collections.abc import Callable

from dreamos_metrics.metrics.errors import record_error

_hooks: list[Callable[[], object]] = []


def on_snapshot(hook: Callable[[], object]) -> Callable[[], object]:
    """Call `hook` before each snapshot, in the thread that takes it.

    For figures that are read rather than recorded: the CPU time of the process, overdue operations.
    What it raises is swallowed and counted (reason `snapshot_hook`). Registering it twice calls it
    once. Returns the hook, so that it can be used as a decorator.
    """
    if hook not in _hooks:
        _hooks.append(hook)
    return hook


def remove_hook(hook: Callable[[], object]) -> None:
    """Stop calling `hook`; one that was never registered is ignored."""
    if hook in _hooks:
        _hooks.remove(hook)


def run_hooks() -> None:
    """Call every hook in the order of registration. Never raises."""
    for hook in tuple(_hooks):
        try:
            hook()
        except Exception as error:  # noqa: BLE001 - a hook must not stop the push
            name = getattr(hook, "__qualname__", type(hook).__name__)
            detail = f"{hook!r} raised {type(error).__name__}: {error}"
            record_error("snapshot_hook", detail, about=str(name))
