"""A service with nothing but a counter of boxes: enough to try everything the chassis offers."""
