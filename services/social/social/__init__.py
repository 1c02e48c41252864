"""Follows and timelines."""

__version__ = "1.1.0"
