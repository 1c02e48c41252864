"""A TCP proxy between two processes: it refuses, stalls, slows, halves or cuts connections, and counts."""

import contextlib
import socket
import threading
import time
from typing import Self

CHUNK = 16_384


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`; what it does to the traffic may change at any time.

    delay: seconds to hold each piece. stalled: nothing passes, connections stay. cut_after: bytes to let pass
    upstream before all connections are cut in the middle of whatever was being written. halving: of each
    answer only the first half comes, then an end. one_of: if not 0, only each so manyth connection suffers,
    as if one of so many replicas were bad. `asked` keeps the beginning of every piece that went upstream,
    unless it `keeps` none. Who is connected when `target` changes stays connected to the former one.
    """

    def __init__(self, target: int, keeps: bool = True) -> None:
        self.target, self._keeps = target, keeps
        self.delay, self.stalled, self.refusing = 0.0, False, False
        self.cut_after: int | None = None
        self.halving, self.one_of, self._accepted = False, 0, 0
        self.asked: list[bytes] = []
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

    def spoil(self, how: str, one_of: int = 0) -> None:
        """`slow`, `hung`, `half` or `refused`, beginning with fresh connections."""
        self.allow()
        self.one_of = one_of
        self.delay, self.stalled, self.halving = 0.3 if how == "slow" else 0.0, how == "hung", how == "half"
        self.refusing = how == "refused"
        self.cut()

    def allow(self) -> None:
        self.refusing = self.stalled = self.halving = False
        self.delay, self.cut_after, self.one_of = 0.0, None, 0

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
            self._accepted += 1
            bad = not self.one_of or self._accepted % self.one_of == 0
            try:
                if self.refusing and bad:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pump, args=(source, sink, up, bad), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool, bad: bool) -> None:
        self._pairs.add(source)
        try:
            while piece := source.recv(CHUNK):
                if bad:
                    self._hold()
                if up:
                    self.asked += [piece[:4096]] * self._keeps
                    piece = self._part(piece)
                elif bad and self.halving:
                    sink.sendall(piece[: len(piece) // 2])
                    break
                sink.sendall(piece)
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
