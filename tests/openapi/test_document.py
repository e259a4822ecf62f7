"""The document of a program is FastAPI's, to the order of its keys."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.openapi.programs import FASTAPI, PROGRAMS, TRIVIUM, Program
from trivium.binding.declare import Query
from trivium.errors import DeclarationError, TriviumDeprecationWarning
from trivium.openapi import Document, Refusal, get_openapi
from trivium.openapi.document import get_fields_from_routes
from trivium.openapi.operation import (
    generate_operation_id,
    get_openapi_operation_request_body,
    get_openapi_path,
)
from trivium.openapi.schemas import Schemas
from trivium.routing import APIRouter, iter_route_contexts

ROOT = Path(__file__).parents[2]


class Item(BaseModel):
    name: str


def document_of(framework: Any, program: Program) -> str:
    document = framework.get_openapi(title="T", version="1", **program(framework))
    return json.dumps(document, indent=1)


def path_of(router: APIRouter, path: str = "/") -> dict[str, Any]:
    return get_openapi(title="T", version="1", routes=router.routes)["paths"][path]  # type: ignore[no-any-return]  # JSON


# FastAPI warns of every operation with several methods, although its author did nothing wrong.
several_methods = pytest.mark.filterwarnings("ignore:Duplicate Operation ID")


@several_methods
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_the_document_is_fastapis(program: Program) -> None:
    assert document_of(TRIVIUM, program) == document_of(FASTAPI, program)


@pytest.mark.slow
def test_the_document_of_a_program_is_the_same_in_every_process() -> None:
    script = (
        "import json\n"
        "from tests.openapi.programs import PROGRAMS, TRIVIUM\n"
        "for each in PROGRAMS:\n"
        "    given = each(TRIVIUM)\n"
        "    print(json.dumps(TRIVIUM.get_openapi(title='T', version='1', **given)))\n"
    )

    def printed(seed: str) -> str:
        command = [sys.executable, "-W", "ignore", "-c", script]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.check_output(command, env=environment, cwd=ROOT, text=True)

    assert printed("1") == printed("2")


@several_methods
def test_generating_the_document_changes_nothing_that_was_declared() -> None:
    extra = {"requestBody": {"content": {"application/json": {"example": {"name": "a"}}}}}
    further = {200: {"description": "ok", "content": {"image/png": {}}}}
    router = APIRouter()

    @router.api_route("/", methods=["POST", "PUT"], openapi_extra=extra, responses=further)
    def make(item: list[Item]) -> None: ...

    first, second = path_of(router), path_of(router)

    assert first == second
    assert first["post"]["requestBody"] == first["put"]["requestBody"]
    assert extra == {"requestBody": {"content": {"application/json": {"example": {"name": "a"}}}}}
    assert further == {200: {"description": "ok", "content": {"image/png": {}}}}


# -- What a program is warned of, or refused -------------------------------------------------------


def test_two_operations_of_one_id_are_warned_of_by_name_and_file() -> None:
    router = APIRouter()

    @router.get("/a", operation_id="same")
    def one() -> None: ...
    @router.get("/b", operation_id="same")
    def two() -> None: ...

    with pytest.warns(UserWarning, match="Duplicate Operation ID same for function two at .*py"):
        get_openapi(title="T", version="1", routes=router.routes)


def test_a_key_of_responses_that_is_no_status_is_refused() -> None:
    router = APIRouter()

    @router.get("/", responses={"hello": {"description": "?"}})
    def read() -> None: ...

    with pytest.raises(ValueError, match="hello"):
        path_of(router)


def test_an_operation_without_a_response_class_is_refused() -> None:
    router = APIRouter()

    @router.get("/", response_class=None)
    def read() -> None: ...

    with pytest.raises(DeclarationError, match="response_class=JSONResponse"):
        path_of(router)


def test_the_old_operation_id_is_deprecated() -> None:
    router = APIRouter()

    @router.get("/a/{b}")
    def read() -> None: ...

    with pytest.warns(TriviumDeprecationWarning, match="unique_id"):
        identifier = generate_operation_id(route=router.routes[0], method="GET")  # type: ignore[arg-type]  # an APIRoute

    assert identifier == "read_a__b__get"


# -- The refusal of a bad request ------------------------------------------------------------------

PROBLEM = Refusal(
    status="400",
    description="Bad Request",
    media_type="application/problem+json",
    schema={"$ref": "#/components/schemas/Problem"},
    components={"Problem": {"type": "object", "title": "Problem"}},
)


def test_an_application_that_refuses_otherwise_says_so_where_a_request_can_be_refused() -> None:
    router = APIRouter()

    @router.get("/free")
    def free() -> None: ...
    @router.get("/bound")
    def bound(n: int) -> None: ...
    @router.get("/own", responses={"4XX": {"description": "Own"}})
    def own(n: int) -> None: ...

    document = Document(router.routes, refusal=PROBLEM)

    assert list(document.paths["/free"]["get"]["responses"]) == ["200"]
    assert list(document.paths["/own"]["get"]["responses"]) == ["200", "4XX"]
    assert document.paths["/bound"]["get"]["responses"]["400"] == {
        "description": "Bad Request",
        "content": {"application/problem+json": {"schema": PROBLEM.schema}},
    }
    assert list(document.components["schemas"]) == ["Problem"]


def test_a_hidden_parameter_can_refuse_a_request_too() -> None:
    router = APIRouter()

    @router.get("/")
    def read(n: int = Query(0, include_in_schema=False)) -> None: ...

    operation = path_of(router)["get"]

    assert "parameters" not in operation
    assert "422" in operation["responses"]


# -- The parts, for programs that make documents of their own --------------------------------------


def test_one_route_can_be_described_alone() -> None:
    router = APIRouter()

    @router.post("/{n}")
    def make(n: int, item: Item) -> Item: ...

    (route,) = iter_route_contexts(router.routes)
    fields = get_fields_from_routes([route])
    schemas = Schemas.of_fields(fields)
    mapping = {(field, field.mode): schemas.of(field) for field in fields}
    body = get_openapi_operation_request_body(
        body_field=route.body_field, model_name_map={}, field_mapping=mapping
    )
    path, security, definitions = get_openapi_path(
        route=route,  # type: ignore[arg-type]  # a context has the attributes of its route
        operation_ids=set(),
        model_name_map={},
        field_mapping=mapping,
    )

    assert path["post"]["requestBody"] == body
    assert path == path_of(router, "/{n}")
    assert security == {}
    assert set(definitions) == {"ValidationError", "HTTPValidationError"}


def test_a_route_without_a_body_has_no_request_body() -> None:
    assert (
        get_openapi_operation_request_body(body_field=None, model_name_map={}, field_mapping={})
        is None
    )


def test_some_of_the_routes_make_a_document_with_their_full_paths() -> None:
    inner, router = APIRouter(prefix="/inner"), APIRouter()

    @inner.get("/a", tags=["public"])
    def public() -> None: ...
    @inner.get("/b")
    def private() -> None: ...

    router.include_router(inner, prefix="/outer")
    shown = [each for each in iter_route_contexts(router.routes) if "public" in each.tags]

    document = get_openapi(title="T", version="1", routes=shown)

    assert list(document["paths"]) == ["/outer/inner/a"]
