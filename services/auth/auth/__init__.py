"""Identity and roles."""

__version__ = "1.0.0"
