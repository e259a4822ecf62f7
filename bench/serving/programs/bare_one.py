"""One route, as a bare ASGI callable."""

import json

HEADERS = [(b"content-type", b"application/json")]


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("there is no lifespan here")
    body = json.dumps({"message": "Hello, World!"}).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length, *HEADERS]})
    await send({"type": "http.response.body", "body": body})
