"""Posts and comments."""

__version__ = "1.1.0"
