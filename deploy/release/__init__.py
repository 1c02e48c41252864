"""Releases of single services: versions, contracts between them, what may run beside what."""
