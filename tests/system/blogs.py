"""Where a blog of the tests runs: free ports, and an environment with nothing of the caller's."""

import os
import uuid

from chassis.testing.parts import Databases, Vhosts, free_ports
from deploy.local.stack import OFFSETS, SERVICES

# All people of a test come from one address, so what one address may do says nothing here.
UNLIMITED = {f"LIMIT_{name}": "1000000/minute" for name in ("SIGN_IN", "REGISTRATION", "MAIL")}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LOG_LEVEL": "INFO",
    "FLASKY_ADMIN": "root@example.com",
} | UNLIMITED


def free_block() -> int:
    """A port from which on every port that a blog needs is free, and ours until this process ends."""
    return free_ports(max(OFFSETS.values()) + 1, OFFSETS.values()).start


def surroundings(stack: str) -> dict[str, str]:
    """The addresses of the real databases and bus, or nothing for the embedded ones."""
    if stack == "embedded":
        return {}
    databases, unique = Databases.from_environment(), uuid.uuid4().hex[:8]
    urls = {f"{name.upper()}_DATABASE_URL": databases.database(f"{name}_{unique}") for name in SERVICES}
    return urls | {"BUS_URL": Vhosts.from_environment().vhost()}
