"""Checks of our own that `make lint` runs: habits of the code, and migrations that old code survives."""
