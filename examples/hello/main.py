"""The smallest app: one file, two paths.

Run it from the root of the repository, then open http://127.0.0.1:8000/docs:

    uvicorn examples.hello.main:app
"""

from typing import Annotated

from trivium import App, Query

app = App(title="Hello")


@app.get("/")
async def greet() -> dict[str, str]:
    """Greet the world."""
    return {"message": "Hello, world"}


@app.get("/hello/{name}")
async def greet_by_name(name: str, times: Annotated[int, Query(ge=1, le=10)] = 1) -> dict[str, str]:
    """Greet somebody, as often as `times` says: `/hello/Ada?times=3`."""
    return {"message": ", ".join(["Hello"] * times + [name])}
