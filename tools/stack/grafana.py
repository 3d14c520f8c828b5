"""Further settings of Grafana: each GF_ variable of `.env`, handed on by its name."""

from __future__ import annotations

from pathlib import Path

from .console import StackError
from .credentials import belongs_to_user
from .settings import Settings


def environment(folder: Path, project: str, settings: Settings) -> dict[str, str]:
    """Write the names of the GF_ variables where Grafana's service takes them from.

    The values stay where they are: Compose fills in a name without a value from its variables, and
    takes nothing in it for a reference.

    Args:
        folder: where the list of names is written.
        project: name of the Compose project.
        settings: of this stack.

    Returns:
        The variable that tells docker-compose.yml of the list.
    """
    path = folder / f"{project}.grafana.env"
    names = sorted(name for name in settings.others if name.startswith("GF_"))
    try:
        path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    except OSError as error:
        raise StackError(f"{path} cannot be written ({error.strerror})") from None
    belongs_to_user(path)
    return {"GRAFANA_ENV_FILE": str(path)}
