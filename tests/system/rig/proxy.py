"""A TCP proxy between two processes: it refuses, stalls, slows or cuts connections."""

import contextlib
import socket
import threading
import time
from typing import Self

CHUNK = 16_384


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`; what it does to the traffic may change at any time.

    delay: seconds to hold each piece. stalled: nothing passes, connections stay. cut_after: bytes to let pass
    upstream before all connections are cut in the middle of whatever was being written.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay, self.stalled, self.refusing = 0.0, False, False
        self.cut_after: int | None = None
        self._pairs: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def refuse(self) -> None:
        """As if nobody were there: what is connected is cut, what comes is closed at once."""
        self.refusing = True
        self.cut()

    def allow(self) -> None:
        self.refusing = self.stalled = False
        self.delay, self.cut_after = 0.0, None

    def cut(self) -> None:
        for end in list(self._pairs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refusing:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pump, args=(source, sink, up), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        self._pairs.add(source)
        try:
            while piece := source.recv(CHUNK):
                self._hold()
                sink.sendall(self._part(piece) if up else piece)
        except OSError:
            pass
        finally:
            self._pairs.discard(source)
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _hold(self) -> None:
        time.sleep(self.delay)
        while self.stalled:
            time.sleep(0.01)

    def _part(self, piece: bytes) -> bytes:
        """All of it, or its first half before everything is cut: a half-written request."""
        if self.cut_after is not None:
            self.cut_after -= len(piece)
            if self.cut_after < 0:
                self.cut_after = None
                threading.Thread(target=self.refuse, daemon=True).start()
                return piece[: len(piece) // 2]
        return piece
