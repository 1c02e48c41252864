"""`make new-service NAME=likes`: a service with every room of the house, copied from a small real one."""
