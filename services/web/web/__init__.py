"""Pages for people: no database; speaks to the services as any client would."""

__version__ = "1.1.0"
