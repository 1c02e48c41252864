"""Where a blog of the tests runs: free ports, and an environment with nothing of the caller's."""

import os
import random
import uuid

from chassis.testing.parts import PORTS, Databases, Vhosts, listens
from deploy.local.stack import OFFSETS, SERVICES

# All people of a test come from one address, so what one address may do says nothing here.
UNLIMITED = {f"LIMIT_{name}": "1000000/minute" for name in ("SIGN_IN", "REGISTRATION", "MAIL")}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LOG_LEVEL": "INFO",
    "FLASKY_ADMIN": "root@example.com",
} | UNLIMITED


def free_block() -> int:
    """A port from which on every port that a blog needs is free."""
    width = max(OFFSETS.values()) + 1
    for port in random.sample(range(PORTS.start, PORTS.stop - width, width), 50):
        if not any(listens(port + offset) for offset in OFFSETS.values()):
            return port
    raise RuntimeError("no free ports")


def surroundings(stack: str) -> dict[str, str]:
    """The addresses of the real databases and bus, or nothing for the embedded ones."""
    if stack == "embedded":
        return {}
    databases, unique = Databases.from_environment(), uuid.uuid4().hex[:8]
    urls = {f"{name.upper()}_DATABASE_URL": databases.database(f"{name}_{unique}") for name in SERVICES}
    return urls | {"BUS_URL": Vhosts.from_environment().vhost()}
