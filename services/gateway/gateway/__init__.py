"""The edge of the blog: routing, identity, limits. No database, no domain."""

__version__ = "1.1.0"
