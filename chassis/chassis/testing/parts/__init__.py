"""Private PostgreSQL and RabbitMQ servers that tests own and may kill.

`Postgres(folder)` and `RabbitMQ(folder)` run Debian's binaries as direct children of this process, as an
unprivileged user when we are root (PostgreSQL insists), on free ports of 127.0.0.1. Data and logs stay in
the folder, so a server that was killed starts again with what it had. `Databases` and `Vhosts` only need an
address: they hand each test a database or a virtual host of its own, from any process.
"""

from .failures import PartFailed, PartMissing
from .ports import free_port, free_ports, listens, reserve
from .postgres import POSTGRES_VARIABLE, Databases, Postgres
from .rabbitmq import RABBITMQ_API_VARIABLE, RABBITMQ_VARIABLE, RabbitMQ, Vhosts
from .server import Server, part_folder

__all__ = [
    "POSTGRES_VARIABLE",
    "RABBITMQ_API_VARIABLE",
    "RABBITMQ_VARIABLE",
    "Databases",
    "PartFailed",
    "PartMissing",
    "Postgres",
    "RabbitMQ",
    "Server",
    "Vhosts",
    "free_port",
    "free_ports",
    "listens",
    "part_folder",
    "reserve",
]
