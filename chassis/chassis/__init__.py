"""The chassis: what every service rides on. It knows nothing of what any service is about."""

__version__ = "1.1.0"
