"""Posts and comments."""

__version__ = "1.0.0"
