"""Messages that two programs could frame in two ways, written for this battery (A2)."""

from collections.abc import Iterator

HIDDEN = "GET /api/v1/posts/ HTTP/1.1\r\nHost: x\r\nX-Request-Id: {hidden}\r\n\r\n"
INSIDE = f"0\r\n\r\n{HIDDEN}"
Messages = Iterator[tuple[str, str]]
"""Their names, and they; `{hidden}` is the id of a request that must never be answered."""


def post(*headers: str, body: str = "", target: str = "/api/v1/posts/", first: str = "") -> str:
    lines = [first or f"POST {target} HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]) + body


def chunked(body: str, *headers: str) -> str:
    return post("Transfer-Encoding: chunked", *headers, body=body)


def own() -> Messages:
    """Written for this battery."""
    yield from two_lengths()
    yield from codings()
    yield from names()
    yield from lengths()
    yield from sizes()
    yield from ((name, chunked(body)) for name, body in CHUNKS)
    yield from WHOLE


def two_lengths() -> Messages:
    for name, first, second in (
        ("CL.TE", "Content-Length: 100", "Transfer-Encoding: chunked"),
        ("TE.CL", "Transfer-Encoding: chunked", "Content-Length: 3"),
        ("CL.CL", "Content-Length: 3", "Content-Length: 100"),
        ("CL,CL", "Content-Length: 3, 100", "X: y"),
        ("TE.TE", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("TE twice", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ):
        yield name, post(first, second, body=INSIDE)
        yield f"{name} the other way", post(second, first, body=INSIDE)


def codings() -> Messages:
    for coding in (
        "xchunked", "chunked, identity", "identity, chunked, chunked", "gzip", "chunked\x0b", "\x0bchunked", "chunked;q=1",
        "'chunked'", "chun\tked", "Chunked, gzip", ", chunked", "chunked,", "identity",
    ):  # fmt: skip
        yield f"TE {coding!r}", post(f"Transfer-Encoding: {coding}", "Content-Length: 5", body=INSIDE)
        yield f"TE {coding!r} alone", post(f"Transfer-Encoding: {coding}", body=INSIDE)


def names() -> Messages:
    for name in ("Transfer-Encoding ", "Transfer_Encoding", "Transfer-Encoding\t", " Transfer-Encoding", "X\nTransfer-Encoding",
                 "X:\rTransfer-Encoding", "Transfer\x00Encoding", "Transfer-Encoding\x00"):  # fmt: skip
        yield f"name {name!r}", post(f"{name}: chunked", "Content-Length: 5", body=INSIDE)


def lengths() -> Messages:
    for length in (
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5;",
        "５",
        "1e1",
        "05x",
        "",
        "99999999999999999999",
        "5\x00",
        "5.0",
        "0,0",
    ):
        yield f"CL {length!r}", post(f"Content-Length: {length}", body=f"hello{HIDDEN}")


def sizes() -> Messages:
    for size in (
        "0x5",
        "+5",
        "-5",
        " 5",
        "5 ",
        "5;",
        "5\n",
        "5\r",
        "5_0",
        "fffffffff",
        "5;\n",
        "",
        "g",
        '5;x="\n"',
        "5\x00",
    ):
        yield f"chunk {size!r}", chunked(f"{size}\r\nhello\r\n{INSIDE}")


CHUNKS = (
    ("chunk longer than it said", f"3\r\nhello\r\n{INSIDE}"),
    ("chunk ends with LF", f"5\r\nhello\n{INSIDE}"),
    ("chunk ends with anything", f"5\r\nhelloXX{INSIDE}"),
    ("no last chunk", "5\r\nhello\r\n"),
    ("trailer names a length", f"5\r\nhello\r\n0\r\nContent-Length: 100\r\n\r\n{HIDDEN}"),
    ("trailer with LF", f"0\nX: y\n\n{HIDDEN}"),
    ("trailer folded", "0\r\nX: y\r\n Z: z\r\n\r\n"),
)
WHOLE = (
    ("two hosts", post("Host: other", "Content-Length: 0")),
    ("host folded", post("X: y\r\n Host: other", "Content-Length: 0")),
    ("host with a path", "GET /api/v1/posts/ HTTP/1.1\r\nHost: a/../b\r\n\r\n"),
    ("bare LF", f"GET /api/v1/posts/ HTTP/1.1\nHost: x\n\n{HIDDEN}"),
    ("bare LF after a header", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: x\nX: y\r\n\r\n{HIDDEN}"),
    ("bare CR", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: x\rX: y\r\n\r\n{HIDDEN}"),
    ("header without a colon", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n{HIDDEN}"),
    ("header without a name", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n{HIDDEN}"),
    ("NUL in a header", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n{HIDDEN}"),
    ("absolute form", "GET http://elsewhere.example/api/v1/posts/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("absolute form of a file", "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("authority form", f"CONNECT localhost:22 HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
    ("asterisk form", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("HTTP/0.9", "GET /api/v1/posts/\r\n"),
    ("HTTP/2.0", "GET /api/v1/posts/ HTTP/2.0\r\nHost: x\r\n\r\n"),
    ("HTTP/1.10", f"GET /api/v1/posts/ HTTP/1.10\r\nHost: x\r\n\r\n{HIDDEN}"),
    ("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("two spaces", f"GET  /api/v1/posts/ HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
    ("tab", f"GET\t/api/v1/posts/\tHTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
    ("lower case", f"get /api/v1/posts/ HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
    ("GET with a body", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: x\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}"),
    ("upgrade", "GET /api/v1/posts/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"),
    ("PROXY protocol", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("long address", f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("long header", f"GET / HTTP/1.1\r\nHost: x\r\nX: {'a' * 20_000}\r\n\r\n"),
    ("many headers", "GET / HTTP/1.1\r\nHost: x\r\n" + "".join(f"X{n}: y\r\n" for n in range(200)) + "\r\n"),
    ("expects a miracle", post("Expect: 200-ok", "Content-Length: 0")),
    ("answered before the body", post("Expect: 100-continue", "Content-Length: 2", body="{}")),
    ("nothing", "\r\n\r\n\r\n"),
    ("a refusal, its body unread", post("Content-Type: text/plain", f"Content-Length: {len(HIDDEN)}", body=HIDDEN)),
    ("no such address, its body unread", post(f"Content-Length: {len(HIDDEN)}", body=HIDDEN, target="/api/v1/nowhere")),
    ("no such method, its body unread", post(f"Content-Length: {len(HIDDEN)}", body=HIDDEN, first="BREW /api/v1/posts/ HTTP/1.1")),
    ("a reading with a body in chunks", post("Transfer-Encoding: chunked", first="GET /api/v1/posts/ HTTP/1.1",
                                             body=f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n")),
    ("HEAD with a body", post(f"Content-Length: {len(HIDDEN)}", first="HEAD /api/v1/posts/ HTTP/1.1", body=HIDDEN)),
    ("HTTP/1.0 with chunks", post("Transfer-Encoding: chunked", first="POST /api/v1/posts/ HTTP/1.0", body=INSIDE)),
    ("HTTP/1.0 kept, with chunks", post("Transfer-Encoding: chunked", "Connection: keep-alive",
                                        first="POST /api/v1/posts/ HTTP/1.0", body=INSIDE)),
    ("HTTP/1.0 kept", post("Connection: keep-alive", "Content-Length: 2", first="POST /api/v1/posts/ HTTP/1.0", body="{}")),
    ("a length named in Connection", post("Connection: Content-Length, keep-alive", f"Content-Length: {len(HIDDEN)}", body=HIDDEN)),
    ("chunks named in Connection", post("Connection: Transfer-Encoding", "Transfer-Encoding: chunked", body="0\r\n\r\n")),
    ("another length in a trailer", chunked(f"0\r\nTransfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n{HIDDEN}".replace(HIDDEN, ""))),
    ("a long extension of a chunk", chunked("2;" + "x" * 9000 + "\r\n{}\r\n0\r\n\r\n")),
    ("many chunks of one byte", chunked("1\r\n{\r\n" * 5000 + INSIDE)),
    ("some chunks of one byte", chunked("1\r\n{\r\n" * 2000 + "0\r\n\r\n")),
    ("sizes with many zeros", chunked("0" * 300 + "2\r\n{}\r\n0\r\n\r\n")),
    ("a size beyond 64 bits", chunked(f"1{'0' * 16}2\r\n{{}}\r\n{INSIDE}")),
    ("a message after half a message", post("Content-Length: 500", body=HIDDEN)),
    ("expects in chunks", post("Expect: 100-continue", "Transfer-Encoding: chunked", body="2\r\n{}\r\n0\r\n\r\n")),
    ("expects twice", post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 2", body="{}")),
    ("a websocket", post("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                         "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", first="GET /api/v1/posts/ HTTP/1.1")),
    ("overlong UTF-8", f"GET /api/v1/\xc0\xaf\xc0\xafposts HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
    ("a fragment", "GET /api/v1/posts/#x HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("no Host", f"GET /api/v1/posts/ HTTP/1.1\r\nX: y\r\n\r\n{HIDDEN}"),
    ("an empty Host", "GET /api/v1/posts/ HTTP/1.1\r\nHost:\r\n\r\n"),
    ("a Host with credentials", f"GET /api/v1/posts/ HTTP/1.1\r\nHost: a@b\r\n\r\n{HIDDEN}"),
    ("half a head", "POST /api/v1/posts/ HTTP/1.1\r\nHost: x"),
)  # fmt: skip
