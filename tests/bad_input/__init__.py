"""Bad requests and bad declarations: each is refused, early and in words.

Requests come in through both entrances, ASGI in process and a uvicorn server on a socket.
`TRIVIUM_BAD_INPUT_ROOT=fastapi` runs the requests against FastAPI instead: tests marked `improves`
must then fail, which keeps the claim that FastAPI does worse there honest.
"""
