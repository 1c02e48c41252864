"""Identity and roles."""

__version__ = "1.1.0"
