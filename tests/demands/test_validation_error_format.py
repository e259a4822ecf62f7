"""One setting changes what a request that does not validate is answered, and the document with it.

Only operations that can refuse a request describe the answer.
"""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from trivium import App, Query, Request, WebSocket
from trivium.errors import RequestValidationError
from trivium.openapi import Refusal
from trivium.testing import TestClient


class Invalid(BaseModel):
    name: str
    reason: str


class Problem(BaseModel):
    """RFC 9457, with the invalid parameters as an extension."""

    title: str
    invalid: list[Invalid]


def make_problem(request: Request, error: RequestValidationError) -> Problem:
    return Problem(
        title=f"{request.method} {request.url.path} cannot be read",
        invalid=[
            Invalid(name=".".join(map(str, each["loc"])), reason=each["msg"])
            for each in error.errors()
        ],
    )


def program(**options: Any) -> App:
    app = App(
        refusal=Refusal.answering(
            make_problem,
            status=400,
            model=Problem,
            media_type="application/problem+json",
            description="The request cannot be read",
        ),
        **options,
    )

    @app.get("/items/{item_id}")
    async def read(item_id: int, limit: Annotated[int, Query(le=100)] = 10) -> int:
        return item_id

    @app.get("/nothing-to-validate")
    async def nothing() -> str:
        return "fine"

    return app


def test_the_setting_changes_the_answer_at_runtime() -> None:
    reply = TestClient(program()).get("/items/x?limit=1000")

    assert reply.status_code == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "title": "GET /items/x cannot be read",
        "invalid": [
            {
                "name": "path.item_id",
                "reason": "Input should be a valid integer, unable to parse string as an integer",
            },
            {"name": "query.limit", "reason": "Input should be less than or equal to 100"},
        ],
    }


def test_the_same_setting_changes_the_document() -> None:
    document = program().openapi()

    responses = document["paths"]["/items/{item_id}"]["get"]["responses"]

    assert "422" not in responses
    assert responses["400"] == {
        "description": "The request cannot be read",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    assert {"Problem", "Invalid"} <= set(document["components"]["schemas"])
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_what_is_answered_validates_against_what_is_documented() -> None:
    app = program()

    answer = TestClient(app).get("/items/x").json()

    properties = app.openapi()["components"]["schemas"]["Problem"]["properties"]
    assert set(answer) == set(properties)


def test_an_operation_that_validates_nothing_does_not_document_it() -> None:
    operation = program().openapi()["paths"]["/nothing-to-validate"]["get"]

    assert list(operation["responses"]) == ["200"]


def test_an_operation_that_documents_the_status_itself_keeps_its_words() -> None:
    app = program()

    @app.get("/own/{item_id}", responses={400: {"description": "My own"}})
    async def own(item_id: int) -> int:
        return item_id

    assert app.openapi()["paths"]["/own/{item_id}"]["get"]["responses"]["400"] == {
        "description": "My own"
    }


def test_without_the_setting_it_is_the_422_of_fastapi() -> None:
    app = App()

    @app.get("/items/{item_id}")
    async def read(item_id: int) -> int:
        return item_id

    reply = TestClient(app).get("/items/x")

    assert (reply.status_code, list(reply.json())) == (422, ["detail"])
    assert "422" in app.openapi()["paths"]["/items/{item_id}"]["get"]["responses"]


def test_an_exception_handler_of_the_application_still_has_the_last_word_at_runtime() -> None:
    app = program()

    @app.exception_handler(RequestValidationError)
    async def own(request: Request, error: RequestValidationError) -> Any:
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("my own", 418)

    assert TestClient(app).get("/items/x").text == "my own"


@pytest.mark.parametrize("path", ["/socket?limit=x"])
def test_a_websocket_that_does_not_validate_is_closed_as_ever(path: str) -> None:
    from starlette.websockets import WebSocketDisconnect

    app = program()

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, limit: int) -> None:
        await websocket.accept()

    with pytest.raises(WebSocketDisconnect) as closed:
        with TestClient(app).websocket_connect(path):
            pass

    assert closed.value.code == 1008
