"""When a request is whole, and that it is read as by the thorough parser."""

import pytest
from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from chassis.framing import FewChunks, StrictRequest
from chassis.heard import LONGEST_BODY, LONGEST_HEAD, MOST_CHUNKS, Heard

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


WHOLE = (
    GET,
    b"POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
)


def hears(*pieces):
    heard = Heard()
    for piece in pieces:
        heard.came += piece
        said = heard.whole()
    return said


@given(st.sampled_from(WHOLE), st.data())
def test_a_request_is_whole_at_its_last_byte_and_not_before(message, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(message) - 1), max_size=8)))
    pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    assert hears(*pieces)
    assert not hears(*pieces[:-1], pieces[-1][:-1]) or len(pieces[-1]) == 1


@pytest.mark.parametrize(
    "message",
    [
        b"x" * (LONGEST_HEAD + 1),
        b"POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"x" * (LONGEST_BODY + 1),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5" * 2000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * LONGEST_HEAD,
    ],
)
def test_what_is_too_long_or_wrong_is_not_waited_for(message):
    assert hears(message)


ORDINARY = {
    "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    "path": st.text(st.sampled_from("ab1/%?:;=&@*"), max_size=12),
    "name": st.sampled_from(["Host", "accept", "X-a", "Cookie", "CONTENT-TYPE"]),
    "value": st.sampled_from(["", "x", " x ", "\tx \t", "a:b", "é", "a b"]),
    "end": st.just("\r\n"),
}
ODD = {
    "method": st.sampled_from(["GET", "get", "CONNECT", "G T", ""]),
    "path": st.text(st.sampled_from("a/?#\x7fé \t"), max_size=12),
    "name": st.sampled_from(["x_b", "Host", "Expect", "Transfer_Encoding", "", "a b", "é", "X"]),
    "value": st.sampled_from(["x", "100-continue", "\x00", "x\r", "x\ny", "chunked"]),
    "end": st.sampled_from(["\r\n", "\n", "\r\n ", "", "\r"]),
}
KINDS = st.sampled_from([ORDINARY, *(ORDINARY | {part: odd} for part, odd in ODD.items())])
MESSAGES = KINDS.flatmap(
    lambda kind: st.tuples(
        kind["method"],
        kind["path"],
        st.lists(st.tuples(kind["name"], kind["value"], kind["end"]), max_size=4),
        st.sampled_from(["", "rest"]),
    )
)


class ThoroughRequest(StrictRequest):
    parse = Request.parse


def reading(kind, message):
    """What a parser makes of a message, or by which error it refuses it."""
    config, unreader = Config(), IterUnreader([message])
    try:
        read = kind(config, unreader, ("127.0.0.1", 1))
    except Exception as error:
        return type(error)
    told = read.method, read.uri, read.path, read.query, read.version, read.headers
    return *told, read._expected_100_continue, unreader.read()


@given(MESSAGES)
def test_what_is_read_quickly_is_read_as_by_the_thorough_parser(made):
    method, path, headers, rest = made
    lines = "".join(f"{name}: {value}{end}" for name, value, end in headers)
    message = f"{method} /{path} HTTP/1.1\r\n{lines}\r\n{rest}".encode("latin-1")
    quick, thorough = reading(StrictRequest, message), reading(ThoroughRequest, message)
    assert quick == thorough


ONE, LAST = b"1\r\nx\r\n", b"0\r\n\r\n"
CHUNKS = (
    *(ONE, b"5\r\nhello\r\n", b"5;x=y\r\nhello\r\n", b"00a\r\n0123456789\r\n", LAST, b"0\r\nX: y\r\n\r\n"),
    *(b"0", b"5", b"f", b"g", b"-", b";x", b" ", b"\r\n", b"\n", b"hello", b"GET / HTTP/1.1\r\n"),
)


class Head:
    """What a reader of chunks asks of its request."""

    def parse_headers(self, lines, from_trailer):
        return [lines]


def read(reader, pieces):
    """The body, what comes behind it and its trailers; or the name of the error."""
    unreader, head, body = IterUnreader(pieces), Head(), b""
    chunks = reader(head, unreader)
    try:
        while piece := chunks.read(7):
            body += piece
    except (ParseException, NoMoreData) as error:
        return type(error).__name__
    return body, unreader.take_buffered() + b"".join(unreader.iter or []), getattr(head, "trailers", None)


@given(st.lists(st.sampled_from(CHUNKS), max_size=9), st.integers(1, 60))
def test_chunks_are_read_as_by_gunicorn(message, size):
    sent = b"".join(message)
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert read(FewChunks, pieces) == read(ChunkedReader, pieces)


def test_who_sends_too_many_chunks_is_neither_waited_for_nor_read():
    tiny = ONE * (MOST_CHUNKS + 1)
    assert read(FewChunks, [tiny]) == "InvalidChunkSize"
    assert hears(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + tiny)
    assert read(FewChunks, [ONE * (MOST_CHUNKS - 1) + LAST])[0] == b"x" * (MOST_CHUNKS - 1)
