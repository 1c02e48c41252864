"""Follows and timelines."""

__version__ = "1.0.0"
