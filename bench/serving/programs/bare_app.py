"""A bare ASGI callable: what ASGI itself costs under a server."""

import json

from shared import GREETING

JSON = [(b"content-type", b"application/json")]
TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("there is no lifespan here")
    if scope["path"] != "/plaintext":
        body, kind = json.dumps({"message": GREETING}).encode(), JSON
    else:
        body, kind = GREETING.encode(), TEXT
    headers = [(b"content-length", str(len(body)).encode()), *kind]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
