"""Sockets of clients. Imports nothing that must not be there before gevent has patched."""

import contextlib
import os
import socket
from typing import Any

from gevent import monkey


def end_of_input(client: Any) -> None:
    """The waiting read gets what has come already, then an end; an answer under way is still written.

    On a twin of the socket, because gevent would make the waiting read fail instead.
    """
    plain = monkey.get_original("socket", "socket")
    with contextlib.suppress(OSError), plain(fileno=os.dup(client.fileno())) as twin:
        twin.shutdown(socket.SHUT_RD)
