"""How much of a request must come before a thread is given to it."""

import re

LONGEST_HEAD, LONGEST_BODY = 64 * 1024, 2 * 1024 * 1024
MOST_CHUNKS = 4096  # of one body; who has a megabyte to send does not send it byte by byte
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,10})[ \t]*\r\n", re.I)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.I)
EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.I)
SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,1024}\r\n")


class Heard:
    """What has come of a request so far. Whether it is one is for the parser to say."""

    __slots__ = ("_at", "_chunked", "_chunks", "_head", "_length", "_scanned", "came", "expects")

    def __init__(self) -> None:
        self.came = bytearray()
        self.expects = self._chunked = False
        self._head = self._length = self._at = self._scanned = self._chunks = 0

    def whole(self) -> bool:
        """Whether nothing more need be waited for: it is complete, too long, or already wrong."""
        if not self._head and not self._find_head():
            return len(self.came) > LONGEST_HEAD
        if len(self.came) - self._head > LONGEST_BODY or self._length > LONGEST_BODY:
            return True
        return self._chunks_end() if self._chunked else len(self.came) >= self._head + self._length

    def _find_head(self) -> bool:
        end = self.came.find(b"\r\n\r\n", max(self._scanned - 3, 0))
        self._scanned = len(self.came)
        if end <= 0:
            return False
        head = bytes(self.came[: end + 2])
        self._head = self._at = end + 4
        self._chunked = CHUNKED.search(head) is not None
        self._length = 0 if self._chunked else max((int(each) for each in LENGTH.findall(head)), default=0)
        self.expects = EXPECTS.search(head) is not None
        return True

    def _chunks_end(self) -> bool:
        """Walks on from the last whole chunk."""
        while (size := SIZE.match(self.came, self._at)) is not None:
            length = int(size[1], 16)
            if length == 0:
                trailers = self.came[size.end() : size.end() + LONGEST_HEAD]
                return trailers[:2] == b"\r\n" or b"\r\n\r\n" in trailers or len(trailers) == LONGEST_HEAD
            if len(self.came) < size.end() + length + 2:
                return False
            self._at = size.end() + length + 2
            self._chunks += 1
            if self._chunks > MOST_CHUNKS:
                return True
        line = self.came[self._at : self._at + 1100]
        return b"\n" in line or len(line) == 1100  # a size that is none: the parser refuses it
