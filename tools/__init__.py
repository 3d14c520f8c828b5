"""Commands of the project, each started with ``python -m tools.<command>``."""
