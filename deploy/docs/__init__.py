"""The documentation: what is written into it from the code, and its links."""
