"""Requests as bytes: what a server has to take, and what it has to refuse."""

from __future__ import annotations

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
"""What must not reach a handler, where it is the body or the rest of what is no request."""


def request(
    target: str = "/x",
    method: str = "GET",
    *headers: str,
    body: bytes = b"",
    version: str = "1.1",
    closes: bool = True,
) -> bytes:
    """One request; the last one of its connection unless told otherwise."""
    last = ["Connection: close"] if closes else []
    lines = [f"{method} {target} HTTP/{version}", "Host: t", *last, *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def post(body: bytes, *headers: str, closes: bool = True, version: str = "1.1") -> bytes:
    return request("/x", "POST", *headers, body=body, closes=closes, version=version)


CHUNKED = "Transfer-Encoding: chunked"
FIVE = "Content-Length: 5"
EXPECT = "Expect: 100-continue"

VALID = {
    # methods and versions
    "GET": request(),
    "HTTP/1.0": request(version="1.0"),
    "HTTP/1.0 that wants to stay": request("/x", "GET", "Connection: keep-alive", version="1.0"),
    "HTTP/1.0 without Connection": request(version="1.0", closes=False),
    "HEAD": request(method="HEAD"),
    "PROPFIND": request(method="PROPFIND"),
    "M-SEARCH": request(method="M-SEARCH"),
    "a method without a route": request(method="PURGE"),
    "keep-alive and close": request("/x", "GET", "Connection: keep-alive, close", closes=False),
    # targets
    "OPTIONS *": request("*", "OPTIONS"),
    "GET *": request("*"),
    "absolute URL": request("http://other/a/b?c=d"),
    "absolute URL without a path": request("http://other"),
    "absolute URL without a path but a query": request("http://other?x=1"),
    "percent-encoded path": request("/a%20b%2Fc"),
    "percent signs that encode nothing": request("/a%zz%"),
    "percent-encoded bytes that are no UTF-8": request("/%ff%C3%A9"),
    "empty segments": request("//a//b"),
    "dots": request("/a/../b/./c"),
    "query": request("/a?b=%20&c=?&d=%ff"),
    "empty query": request("/a?"),
    "fragment": request("/a#b?c"),
    "query and fragment": request("/a?x=1#b"),
    "semicolon": request("/a;b=c"),
    "unusual characters": request("/a\"<>|{}^`\\'"),
    # headers
    "empty headers": request("/x", "GET", "X-A:", "X-B:   ", "X-C:\ta b \t"),
    "Latin-1": request("/x", "GET", "X-L: \xe9\xff"),
    "repeated headers": request("/x", "GET", "X-A: 1", "X-A: 2", "x-a: 3"),
    "no Host": b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two Hosts": request("/x", "GET", "Host: u"),
    "empty lines first": b"\r\n\r\n" + request(),
    # bodies
    "length": post(b"hello", FIVE),
    "no body": post(b""),
    "body of a GET": request("/x", "GET", FIVE, body=b"hello"),
    "chunks": post(b"5\r\nhello\r\n0\r\n\r\n", CHUNKED),
    "chunks with extensions": post(
        b'5;a=b;c="d"\r\nhello\r\n3;x\r\nabc\r\n0;last\r\n\r\n', CHUNKED
    ),
    "chunks with zeros": post(b"00A\r\n0123456789\r\n000\r\n\r\n", "Transfer-Encoding: Chunked"),
    "chunks of another coding": post(b"2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: gzip, chunked"),
    "trailers": post(b"5\r\nhello\r\n0\r\nX-T: v\r\nHost: evil\r\n\r\n", CHUNKED, "Trailer: X-T"),
    "Expect with the body at hand": post(b"hello", FIVE, EXPECT),
    "Expect without a body": post(b"", "Content-Length: 0", EXPECT),
    "Expect of a GET": request("/x", "GET", EXPECT),
    "Expect of HTTP/1.0": post(b"hello", FIVE, EXPECT, version="1.0"),
    "Expect something else": post(b"hello", FIVE, "Expect: 200-ok"),
    # one after the other
    "three requests": b"".join(
        [request("/1", closes=False), request("/2", closes=False), request("/3")]
    ),
    "bodies before another request": b"".join(
        [
            post(b"abc", "Content-Length: 3", closes=False),
            post(b"1\r\nx\r\n0\r\n\r\n", CHUNKED, closes=False),
            request("/3"),
        ]
    ),
    "a request after the last": request("/1") + NEXT,
    # upgrades that nobody knows
    "h2c": request("/x", "GET", "Connection: Upgrade, close", "Upgrade: h2c", closes=False),
    "h2c with a body": post(b"hello", FIVE, "Connection: Upgrade, close", "Upgrade: h2c"),
    "h2c with a request after it": request(
        "/1", "GET", "Connection: Upgrade", "Upgrade: h2c", closes=False
    )
    + request("/2"),
    "Upgrade without Connection": request("/x", "GET", "Upgrade: websocket"),
    # proxies
    "forwarded": request("/x", "GET", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"),
    "forwarded twice": request(
        "/x", "GET", "X-Forwarded-For: 9.9.9.9, 1.2.3.4:80", "X-Forwarded-Proto: gopher"
    ),
    "forwarded for nobody": request("/x", "GET", "X-Forwarded-For: "),
}


def malformed(head: str, body: bytes = b"") -> bytes:
    """A head whose lines end as they should, and after it what must not reach a handler."""
    return head.encode("latin-1").replace(b"\n", b"\r\n") + b"\r\n\r\n" + body + NEXT


START = "POST /x HTTP/1.1\nHost: t\n"
GET = "GET /x HTTP/1.1\r\nHost: t"

MALFORMED = {
    # how long the body is
    "length and chunks": malformed(f"{START}{FIVE}\n{CHUNKED}", b"0\r\n\r\n"),
    "chunks and length": malformed(f"{START}{CHUNKED}\n{FIVE}", b"0\r\n\r\n"),
    "the same length twice": malformed(f"{START}{FIVE}\n{FIVE}", b"hello"),
    "two lengths": malformed(f"{START}{FIVE}\nContent-Length: 0", b"hello"),
    **{
        f"length {value!r}": malformed(f"{START}Content-Length: {value}", b"hello")
        for value in ["+5", "-1", "0x5", "5,5", "5 5", "", "five", "5;", "9" * 20]
    },
    **{
        f"transfer coding {value!r}": malformed(f"{START}Transfer-Encoding: {value}", b"0\r\n\r\n")
        for value in [
            "chunked, identity",
            "xchunked",
            "identity",
            "chunked, chunked",
            "\x0bchunked",
        ]
    },
    "two transfer codings": malformed(f"{START}{CHUNKED}\nTransfer-Encoding: gzip", b"0\r\n\r\n"),
    **{
        f"chunks {body!r}": malformed(f"{START}{CHUNKED}", body)
        for body in [
            b"g\r\nhello\r\n0\r\n\r\n",
            b"-1\r\n",
            b"5\r\nhelloX0\r\n\r\n",
            b"fffffffffffffffff\r\n",
            b"5\nhello\n0\n\n",
            b"5;\0\r\nhello\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX y\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX: y\n\r\n\r\n",
        ]
    },
    # lines
    "folded header": malformed(f"{START}X: a\n b"),
    "header folded by a tab": malformed(f"{START}X: a\n\tb"),
    "folded first header": malformed(f"{START[:17]} X: a"),
    "folded transfer coding": malformed(f"{START}Transfer-Encoding:\n chunked", b"0\r\n\r\n"),
    "line feeds alone": b"GET /x HTTP/1.1\nHost: t\n\n" + NEXT,
    "one line feed alone": b"GET /x HTTP/1.1\r\nHost: t\nX: y\r\n\r\n" + NEXT,
    "last line feed alone": b"GET /x HTTP/1.1\r\nHost: t\r\n\n" + NEXT,
    "carriage return alone": b"GET /x HTTP/1.1\r\nHost: t\rX: y\r\n\r\n" + NEXT,
    # headers
    "NUL in a value": malformed(f"{START}X: a\0b"),
    "NUL in a name": malformed(f"{START}X\0: a"),
    "control character in a value": malformed(f"{START}X: a\x01b"),
    "DEL in a value": malformed(f"{START}X: a\x7fb"),
    "space before the colon": malformed(f"{START}Content-Length : 5", b"hello"),
    "name that is no token": malformed(f"{START}X(): 5"),
    "name that is not ASCII": malformed(f"{START}X\xe9: 5"),
    "no name": malformed(f"{START}: 5"),
    "no colon": malformed(f"{START}nocolon"),
    # the first line
    "lower-case method": malformed(GET.replace("GET", "get")),
    "unknown method": malformed(GET.replace("GET", "BREW")),
    "endless method": malformed(GET.replace("GET", "A" * 100)),
    "method of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NEXT,
    "CONNECT": malformed("CONNECT host:443 HTTP/1.1\nHost: t"),
    **{
        f"version {version!r}": malformed(f"GET /x {version}\nHost: t")
        for version in ["HTTP/1.2", "HTTP/11", "HTTP/1.", "http/1.1", "HTTP/1.1 x", "HTTP/3.0"]
    },
    **{
        f"target {target!r}": malformed(f"GET {target} HTTP/1.1\nHost: t")
        for target in ["/a b", "/\0", "/\xe9", "/\x01", "/\x7f", "/a\tb", "x", "?x", "http:/x"]
    },
    "port out of range": malformed("GET http://h:99999999/x HTTP/1.1\nHost: t"),
    "space first": b" " + request() + NEXT,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + NEXT,
    "NULs": b"\0" * 10 + NEXT,
}
