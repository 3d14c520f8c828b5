"""Version of the library and of the service: the one place where it stands."""

__version__ = "0.1.0"
