"""Applications that are mounted show their paths in the document of the one they are mounted in."""

import copy
import json
from typing import Any

import fastapi
import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute, Mount

from tests.openapi.sites import Document, document
from trivium import App
from trivium.fastapi import FastAPI
from trivium.openapi import mounted_documents, with_mounted
from trivium.openapi.models import OpenAPI

REF = "#/components/schemas/"


class Sub:
    """A mounted application that is nothing but its document."""

    def __init__(self, schema: Document, openapi_url: str | None = "/openapi.json") -> None:
        self.schema = schema
        self.openapi_url = openapi_url

    def openapi(self) -> Document:
        return self.schema

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError


def operation(name: str, schema: str | None = None, **more: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"{REF}{schema}"}}} if schema else {}
    response = {"description": "ok", "content": content}
    return {"operationId": name, "responses": {"200": response}, **more}


def described(path: str, name: str, schemas: dict[str, Any] | None = None, **more: Any) -> Document:
    """A document of one operation, which answers with the first of ``schemas``."""
    first = next(iter(schemas or {}), None)
    components = {"components": {"schemas": schemas}} if schemas else {}
    return document(paths={path: {"get": operation(name, first)}}, **components, **more)


def schema_of(joined: Document, path: str) -> str:
    response = joined["paths"][path]["get"]["responses"]["200"]
    reference: str = response["content"]["application/json"]["schema"]["$ref"]
    return reference.removeprefix(REF)


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


# -- What is joined --------------------------------------------------------------------------------


def test_paths_are_prefixed_with_the_mounts() -> None:
    own = described("/a", "a")

    joined = with_mounted(own, [Mount("/sub", app=Sub(described("/b/{c}", "b")))])

    assert list(joined["paths"]) == ["/a", "/sub/b/{c}"]
    assert list(own["paths"]) == ["/a"]


def test_a_document_without_mounts_is_returned_as_it_is() -> None:
    own = described("/a", "a")

    assert with_mounted(own, []) is own


def test_what_the_parent_says_of_a_path_and_method_stands() -> None:
    own = document(paths={"/sub/a": {"get": operation("parents")}})
    theirs = document(paths={"/a": {"get": operation("subs"), "post": operation("posts")}})

    joined = with_mounted(own, [Mount("/sub", app=Sub(theirs))])

    assert joined["paths"]["/sub/a"]["get"]["operationId"] == "parents"
    assert joined["paths"]["/sub/a"]["post"]["operationId"] == "posts"


def test_the_mounted_document_does_not_change() -> None:
    theirs = described("/a", "a", {"Item": TEXT}, tags=[{"name": "t"}], security=[{"k": []}])
    before = copy.deepcopy(theirs)

    with_mounted(described("/sub/a", "a", {"Item": NUMBER}), [Mount("/{x}", app=Sub(theirs))])

    assert theirs == before


@pytest.mark.parametrize(
    "app", [Sub(described("/a", "a"), openapi_url=None), Starlette(), fastapi.APIRouter()]
)
def test_an_application_without_a_public_document_stays_out(app: Any) -> None:
    own = described("/b", "b")

    assert with_mounted(own, [Mount("/sub", app=app)]) == own


def test_applications_below_bare_routers_and_middleware_are_found() -> None:
    inner = Mount("/inner", app=Sub(described("/a", "a")), middleware=[Middleware(GZipMiddleware)])
    router = fastapi.APIRouter()
    router.mount("/routed", Sub(described("/b", "b")))
    routes: list[BaseRoute] = [
        Mount("/outer", routes=[inner], middleware=[Middleware(GZipMiddleware)]),
        Mount("/router", app=router),
    ]

    joined = with_mounted(document(), routes)

    assert list(joined["paths"]) == ["/outer/inner/a", "/router/routed/b"]


def test_the_mounts_parameters_are_parameters_of_every_path_below() -> None:
    sub = Sub(described("/a", "a"))
    inner = [Mount("/{when:int}", app=sub)]

    joined = with_mounted(document(), [Mount("/{tenant}/{share:float}", routes=inner)])

    (path,) = joined["paths"]
    said = {each["name"]: each["schema"]["type"] for each in joined["paths"][path]["parameters"]}
    assert path == "/{tenant}/{share}/{when}/a"
    assert said == {"tenant": "string", "share": "number", "when": "integer"}
    assert all(
        each["in"] == "path" and each["required"] for each in joined["paths"][path]["parameters"]
    )


def test_tags_are_added_unless_the_parent_describes_them() -> None:
    own = document(tags=[{"name": "a", "description": "parent's"}])
    theirs = document(tags=[{"name": "a", "description": "sub's"}, {"name": "b"}])

    joined = with_mounted(own, [Mount("/sub", app=Sub(theirs))])

    assert joined["tags"] == [{"name": "a", "description": "parent's"}, {"name": "b"}]


def test_webhooks_are_added() -> None:
    theirs = document(webhooks={"born": {"post": operation("born")}})

    joined = with_mounted(document(), [Mount("/sub", app=Sub(theirs))])

    assert joined["webhooks"] == theirs["webhooks"]


def test_security_of_the_whole_document_becomes_each_operations() -> None:
    paths = {"/a": {"get": operation("a"), "post": operation("b", security=[]), "summary": "s"}}
    theirs = document(paths=paths, security=[{"key": []}])

    joined = with_mounted(document(), [Mount("/sub", app=Sub(theirs))])

    item = joined["paths"]["/sub/a"]
    assert (item["get"]["security"], item["post"]["security"]) == ([{"key": []}], [])
    assert "security" not in joined


def test_servers_and_info_stay_the_parents() -> None:
    own = document(servers=[{"url": "https://parent.example"}])
    theirs = described("/a", "a", servers=[{"url": "https://sub.example"}])

    joined = with_mounted(own, [Mount("/sub", app=Sub(theirs))])

    assert (joined["servers"], joined["info"]) == (own["servers"], own["info"])


# -- Names that clash ------------------------------------------------------------------------------


def test_equal_components_are_shared() -> None:
    own = described("/a", "a", {"Item": TEXT})

    joined = with_mounted(own, [Mount("/sub", app=Sub(described("/b", "b", {"Item": TEXT})))])

    assert joined["components"]["schemas"] == {"Item": TEXT}
    assert schema_of(joined, "/sub/b") == "Item"


def test_a_component_that_differs_is_renamed_for_its_mount() -> None:
    own = described("/a", "a", {"Item": TEXT})
    theirs = described("/b", "b", {"Item": NUMBER, "Alone": TEXT})

    joined = with_mounted(own, [Mount("/deep/sub-app", app=Sub(theirs))])

    assert list(joined["components"]["schemas"]) == ["Alone", "Item", "deep_sub_app_Item"]
    assert joined["components"]["schemas"]["deep_sub_app_Item"] == NUMBER
    assert schema_of(joined, "/a") == "Item"
    assert schema_of(joined, "/deep/sub-app/b") == "deep_sub_app_Item"


def test_a_component_that_refers_to_a_renamed_one_is_renamed_too() -> None:
    def page(of: dict[str, Any]) -> dict[str, Any]:
        book = {"type": "array", "items": {"$ref": f"{REF}Page"}}
        return {"Book": book, "Page": {"items": {"$ref": f"{REF}Line"}}, "Line": of}

    own, theirs = described("/a", "a", page(TEXT)), described("/b", "b", page(NUMBER))

    joined = with_mounted(own, [Mount("/sub", app=Sub(theirs))])

    schemas = joined["components"]["schemas"]
    assert schema_of(joined, "/sub/b") == "sub_Book"
    assert schemas["sub_Book"]["items"] == {"$ref": f"{REF}sub_Page"}
    assert schemas["sub_Page"]["items"] == {"$ref": f"{REF}sub_Line"}
    assert schemas["Book"]["items"] == {"$ref": f"{REF}Page"}


def test_a_new_name_that_is_taken_is_numbered() -> None:
    own = described("/a", "a", {"Item": TEXT, "sub_Item": TEXT})
    theirs = described("/b", "b", {"Item": NUMBER, "sub_Item_2": NUMBER})

    joined = with_mounted(own, [Mount("/sub", app=Sub(theirs))])

    assert schema_of(joined, "/sub/b") == "sub_Item_3"


def test_a_security_scheme_that_differs_is_renamed_where_it_is_required() -> None:
    def secured(name: str) -> Document:
        scheme = {"type": "apiKey", "in": "header", "name": name}
        paths = {"/a": {"get": operation(name, security=[{"key": []}])}}
        return document(paths=paths, components={"securitySchemes": {"key": scheme}})

    joined = with_mounted(secured("X-A"), [Mount("/sub", app=Sub(secured("X-B")))])

    assert joined["components"]["securitySchemes"]["sub_key"]["name"] == "X-B"
    assert joined["paths"]["/sub/a"]["get"]["security"] == [{"sub_key": []}]
    assert joined["paths"]["/a"]["get"]["security"] == [{"key": []}]


def test_an_operation_id_that_is_taken_is_renamed_with_the_links_to_it() -> None:
    link = {"next": {"operationId": "read"}, "ref": {"operationRef": "#/paths/~1a/get"}}
    theirs = described("/a", "read")
    theirs["paths"]["/a"]["get"]["responses"]["200"]["links"] = link

    joined = with_mounted(described("/a", "read"), [Mount("/sub", app=Sub(theirs))])

    mounted = joined["paths"]["/sub/a"]["get"]
    assert mounted["operationId"] == "sub_read"
    assert mounted["responses"]["200"]["links"]["next"]["operationId"] == "sub_read"
    assert mounted["responses"]["200"]["links"]["ref"]["operationRef"] == "#/paths/~1sub~1a/get"


def test_operation_ids_of_callbacks_and_webhooks_are_not_taken_twice() -> None:
    def calling(callback: str, webhook: str) -> Document:
        callbacks = {"called": {"{$request.body#/url}": {"post": operation(callback)}}}
        paths = {"/a": {"get": operation(f"{callback}s", callbacks=callbacks), "x-note": "n"}}
        return document(paths=paths, webhooks={webhook: {"post": operation(webhook)}})

    own, theirs = calling("call", "hook"), calling("hook", "call")

    joined = with_mounted(own, [Mount("/sub", app=Sub(theirs))])

    callbacks = joined["paths"]["/sub/a"]["get"]["callbacks"]["called"]
    assert callbacks["{$request.body#/url}"]["post"]["operationId"] == "sub_hook"
    assert joined["webhooks"]["call"]["post"]["operationId"] == "sub_call"


def test_one_application_mounted_twice_has_its_schemas_once_and_its_operations_twice() -> None:
    sub = Sub(described("/a", "a", {"Item": TEXT}))

    joined = with_mounted(document(), [Mount("/one", app=sub), Mount("/two", app=sub)])

    assert joined["components"]["schemas"] == {"Item": TEXT}
    assert joined["paths"]["/one/a"]["get"]["operationId"] == "a"
    assert joined["paths"]["/two/a"]["get"]["operationId"] == "two_a"


# -- Real applications -----------------------------------------------------------------------------


class Item(BaseModel):
    name: str


def test_an_application_shows_what_it_mounts_and_fastapis_does_not() -> None:
    def mounting(app: Any) -> Any:
        app.mount("/sub", fastapi_app(int))
        return app

    assert list(mounting(App()).openapi()["paths"]) == ["/sub/items/{n}"]
    assert list(mounting(FastAPI()).openapi()["paths"]) == []


def test_a_mounted_application_gives_another_document_only_when_its_routes_change() -> None:
    sub = App()
    routes: list[BaseRoute] = [Mount("/sub", app=sub)]
    (before,) = mounted_documents(routes)
    (still,) = mounted_documents(routes)

    sub.add_api_route("/later", lambda: None)

    assert still is before
    assert list(mounted_documents(routes)[0]["paths"]) == ["/later"]


def fastapi_app(annotation: type) -> fastapi.FastAPI:
    class Model(BaseModel):
        item: annotation  # type: ignore[valid-type]  # two models of one name

    app = fastapi.FastAPI()

    @app.post("/items/{n}", response_model=Model)
    def make(n: int, model: Model, q: str = "") -> Any: ...

    return app


def references(part: Any) -> set[str]:
    if isinstance(part, list):
        return {each for item in part for each in references(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*map(references, part.values()))


def test_real_applications_make_one_document_whose_references_all_lead_somewhere() -> None:
    own = fastapi_app(int).openapi()
    mounts: list[BaseRoute] = [
        Mount("/v1", app=fastapi_app(str)),
        Mount("/v2", app=fastapi_app(Item)),
        Mount("/v3", app=fastapi_app(str)),
    ]

    joined = with_mounted(own, mounts)

    assert list(joined["paths"]) == [f"{v}/items/{{n}}" for v in ("", "/v1", "/v2", "/v3")]
    schemas = joined["components"]["schemas"]
    assert {ref.removeprefix(REF) for ref in references(joined)} <= set(schemas)
    assert list(schemas) == [
        *("HTTPValidationError", "Item", "Model", "ValidationError"),
        *("v1_Model", "v2_Model", "v3_Model"),
    ]
    OpenAPI.model_validate(joined)
    assert json.dumps(with_mounted(own, mounts)) == json.dumps(joined)
