"""Slow clients in a process of their own, so that they cost the honest ones of a test nothing.

`python -m tests.system.abuse.trickle PORT PATH TOKEN` opens `SLOW` connections: a third sends its head byte by byte,
a third its body, a third takes its answer byte by byte. Says `ready` when all are there and slow; ends with its input.
"""

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator

SLOW, PAUSE, TURNS = 500, 0.5, 10  # connections; seconds between two bytes of one; not all at the same moment
HEAD = b"GET /api/v1/posts/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = b"POST /api/v1/users/confirm HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
READ = b"GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"


class Slow:
    """One of them. Whom the server hangs up on comes again."""

    def __init__(self, port: int, first: bytes, reads: bool) -> None:
        self.port, self.first, self.reads = port, first, reads
        self.begin()

    def begin(self) -> None:
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.settimeout(10)
        self.connection.connect(("127.0.0.1", self.port))
        self.connection.sendall(self.first)
        self.connection.setblocking(False)

    def is_answered(self) -> None:
        """The work that its request makes is done; from now on it is only slow."""
        self.connection.settimeout(60)
        self.connection.recv(1)
        self.connection.setblocking(False)

    def go_on(self) -> None:
        try:
            ended = not (self.connection.recv(1) if self.reads else self.connection.send(b"x"))
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self.connection.close()
            with contextlib.suppress(OSError):
                self.begin()


def main(port: int, path: str, token: str) -> None:
    firsts = ((HEAD, False), (BODY, False), (READ % (path.encode(), token.encode()), True))
    everybody = [Slow(port, *firsts[number % 3]) for number in range(SLOW)]
    for each in everybody[2::3]:
        each.is_answered()
    print("ready", flush=True)
    turn = 0
    while not select.select([sys.stdin], [], [], PAUSE / TURNS)[0]:
        turn = (turn + 1) % TURNS
        for each in everybody[turn::TURNS]:
            each.go_on()


@contextlib.contextmanager
def trickling(port: int, path: str, token: str) -> Iterator[None]:
    """As long as this lasts they are there."""
    words = [sys.executable, "-m", __spec__.name, str(port), path, token]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.stdin.close()
            assert process.wait(20) == 0


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
