"""Where the direct protocol means to differ from uvicorn's own, and why.

The tests compare everything else. ``docs/wire.md`` says the same to users.
"""

from __future__ import annotations

DIFFERENCES = {
    "absolute URL without a path": "it means /, RFC 9110, section 4.2.3; uvicorn answers 400",
    "absolute URL without a path but a query": "the same",
    "trailers": "they are no headers, RFC 9110, section 6.5.1; uvicorn adds them to the headers",
    "Expect with the body at hand": "no interim reply is due, RFC 9110, section 10.1.1",
    "Expect without a body": "the same",
    "Expect of a GET": "the same",
    "Expect of HTTP/1.0": "such a client knows no interim reply, RFC 9110, section 10.1.1",
    "h2c with a body": "the request is answered as any other; uvicorn takes its body for frames",
    "h2c with a request after it": "the next request is answered; uvicorn drops what follows",
}
