"""A client of a Flasky blog: `Flasky("http://localhost:8000").sign_in(email, password).publish("Hello")`."""

from .client import Flasky
from .transport import Away, Problem

__all__ = ["Away", "Flasky", "Problem"]
__version__ = "1.0.0"
