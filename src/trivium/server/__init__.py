"""Serving: the HTTP/1.1 fast path under uvicorn, and the processes in which it runs.

``protocol`` is one connection: it parses, bounds and frames. ``direct`` is one request on it, an
exchange whose ASGI view is made only where something asks for it. ``heads`` writes the head of a
reply, ``eager`` starts a request without a turn of the event loop, ``patience`` ends connections
that are too slow.

``run`` starts. ``settings`` says what can be set. ``sockets`` are bound once, by the first process.
``serving`` is one server in one process: uvicorn's, whose end is bounded and cuts nobody off.
``supervisor`` keeps several of them running, each in a process of its own (``worker``), and has
them replaced; ``reloading`` does it for whoever edits the application.
"""
