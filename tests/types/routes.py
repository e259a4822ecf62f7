# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Declaring routes: a handler stays what it was, and options are known by name and type."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, assert_type

from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute

from trivium import APIRouter, App, Depends, Path, Request, Response, WebSocket, action
from trivium.routing.flat import FlatRoute

app = App(title="Flights", version="1.0")
router = APIRouter(prefix="/flights", tags=["flights"])


@app.get("/flights/{flight_id}")
async def read_flight(flight_id: int, carrier: str | None = None) -> dict[str, int]:
    return {"id": flight_id}


@app.post("/flights", status_code=201, response_model=dict[str, int], tags=["flights"])
def create_flight(flight: dict[str, int]) -> dict[str, int]:
    return flight


@router.put("/{flight_id}", response_model_exclude_none=True, deprecated=True)
@router.patch("/{flight_id}", response_class=PlainTextResponse)
async def change_flight(flight_id: Annotated[int, Path(ge=1)]) -> str:
    return str(flight_id)


@app.get("/lines")
async def lines() -> AsyncIterator[int]:
    yield 1


@router.api_route("/many", methods=["GET", "POST"], name="many")
def many() -> Iterator[int]:
    yield 1


@app.websocket("/live")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()


@app.middleware("http")
async def passing(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


@app.exception_handler(ZeroDivisionError)
async def answer(request: Request, error: ZeroDivisionError) -> Response:
    return Response(status_code=418)


@router.view("/view")
class View:
    def __init__(self, limit: int = 20) -> None:
        self.limit = limit

    async def get(self) -> int:
        return self.limit

    @action.get("/{number}")
    async def read(self, number: int) -> str:
        return str(number)


async def what_checkers_see() -> None:
    """The decorators give back what they were given."""
    assert_type(await read_flight(1), dict[str, int])
    assert_type(create_flight({}), dict[str, int])
    assert_type(await change_flight(2), str)
    assert_type(lines(), AsyncIterator[int])
    assert_type(many(), Iterator[int])
    assert_type(View(3), View)
    assert_type(View().limit, int)
    assert_type(await View().read(1), str)
    assert_type(app.routes, list[BaseRoute])
    assert_type(app.routes_flat(), Iterator[FlatRoute])
    assert_type(app.openapi(), dict[str, Any])
    assert_type([route.path for route in app.routes_flat()], list[str])


async def mistakes() -> None:
    """What both checkers find."""
    await read_flight("one")  # type: ignore[arg-type]  # a handler keeps its parameters
    create_flight()  # type: ignore[call-arg]  # all of them
    View("many")  # type: ignore[arg-type]  # a view keeps its constructor

    @app.get("/", response_modle=int)  # type: ignore[call-arg]  # a misspelt option
    async def misspelt() -> None: ...

    @router.post("/", status_code="created")  # type: ignore[arg-type]  # an option of another type
    async def wrongly_typed() -> None: ...

    @router.get(path=3)  # type: ignore[arg-type]  # a path is text
    async def nowhere() -> None: ...

    @app.delete("/", methods=["GET"])  # type: ignore[call-arg]  # the verb says the method
    async def contradictory() -> None: ...

    App(titel="Flights")  # type: ignore[call-arg]  # a misspelt option of the application
    APIRouter(prefixes="/flights")  # type: ignore[call-arg]  # and of a router
    app.include_router(router, prefx="/v1")  # type: ignore[call-arg]  # and of an inclusion
    app.include_router(app)  # type: ignore[arg-type]  # an application is no router: mount it
    app.add_api_route("/", "read_flight")  # type: ignore[arg-type]  # a handler is callable

    @app.get("/", dependencies=[read_flight])  # type: ignore[list-item]  # Depends(read_flight)
    async def not_depending() -> None: ...

    @app.get("/", dependencies=[Depends(read_flight)])
    async def depending() -> None: ...
