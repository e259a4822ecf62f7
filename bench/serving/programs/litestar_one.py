"""One route, on Litestar."""

from litestar import Litestar, get


@get("/json")
async def read_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


app = Litestar([read_json])
