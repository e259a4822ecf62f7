"""The HTTP/1.1 fast path under uvicorn.

``protocol`` is one connection: it parses, bounds and frames. ``direct`` is one request on it, an
exchange whose ASGI view is made only where something asks for it. ``heads`` writes the head of a
reply, ``eager`` starts a request without a turn of the event loop, ``patience`` ends connections
that are too slow.
"""
