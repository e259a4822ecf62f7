"""What can be said about a route, written once for every verb, router and application."""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from typing_extensions import TypedDict

from trivium.binding.defaults import Default, DefaultPlaceholder
from trivium.binding.fields import IncEx
from trivium.binding.limits import FormLimits
from trivium.binding.params import Depends

__all__ = [
    "DEFAULT_RESPONSE_CLASS",
    "DEFAULT_STRICTNESS",
    "DEFAULT_UNIQUE_ID",
    "AddOptions",
    "MountedOptions",
    "RouteOptions",
    "Tags",
    "VerbOptions",
    "generate_unique_id",
    "refuse_unknown",
]

Tags = list[str | Enum]
Responses = dict[int | str, dict[str, Any]]

DEFAULT_RESPONSE_CLASS: type[Response] = Default(JSONResponse)
"""JSON, as long as nobody chose a class."""


class MountedOptions(TypedDict, total=False):
    """What a route shares with the routers and inclusions around it."""

    tags: Tags | None
    """Groups of the documentation; those of the routers around come first."""
    dependencies: Sequence[Depends] | None
    """Called before the handler, results unused; those of the routers around come first."""
    responses: Responses | None
    """Further replies for the document, by status: ``{404: {"model": Problem}}``."""
    callbacks: list[BaseRoute] | None
    """Routes that this application will call, for the document."""
    deprecated: bool | None
    """Marks the operation as deprecated in the document."""
    include_in_schema: bool
    """Whether the document shows the route."""
    generate_unique_id_function: Callable[[Any], str]
    """Makes the operation id from the route, where none is given."""
    max_body_size: int | None
    """Most bytes of a request's body; 413 beyond, the nearest limit counts. 0: no body at all."""
    form_limits: FormLimits | None
    """Most fields, files and bytes of a form's part; 400 beyond."""


class VerbOptions(MountedOptions, total=False):
    """The options of ``@app.get``, ``@router.post`` and all other verbs."""

    response_model: Any
    """What the result is validated against and written as; None turns both off. Left out, the
    return annotation counts."""
    status_code: int | None
    """The status of a successful reply, 200 where nothing is given."""
    summary: str | None
    description: str | None
    """Markdown; the handler's docstring where nothing is given."""
    response_description: str
    operation_id: str | None
    response_model_include: IncEx | None
    response_model_exclude: IncEx | None
    response_model_by_alias: bool
    response_model_exclude_unset: bool
    response_model_exclude_defaults: bool
    response_model_exclude_none: bool
    response_class: type[Response]
    """The class of the reply; it also decides its media type in the document."""
    name: str | None
    """The name for ``url_path_for``; the handler's own where nothing is given."""
    openapi_extra: dict[str, Any] | None
    """Merged into the operation in the document."""


class RouteOptions(VerbOptions, total=False):
    """The options of ``add_api_route`` and ``APIRoute``."""

    methods: Sequence[str] | set[str] | None
    """The HTTP methods, GET where nothing is given."""
    strict_content_type: bool | DefaultPlaceholder
    """Whether a JSON body needs a JSON content type."""
    dependency_overrides_provider: Any | None
    """The object whose ``dependency_overrides`` count where the route is served alone."""


class AddOptions(RouteOptions, total=False):
    """The options of ``add_api_route``."""

    route_class_override: type[Any] | None
    """The class of this route, a subclass of ``APIRoute``, where it is not the router's."""


def generate_unique_id(route: Any) -> str:
    """The operation id of a route: its name, path and first method."""
    operation_id = re.sub(r"\W", "_", f"{route.name}{route.path_format}")
    return f"{operation_id}_{next(iter(route.methods)).lower()}"


DEFAULT_UNIQUE_ID: Callable[[Any], str] = Default(generate_unique_id)
DEFAULT_STRICTNESS: bool = Default(True)


def refuse_unknown(call: str, given: Mapping[str, Any], options: Any) -> None:
    """Raises TypeError for a keyword that a call does not take, as Python does for a signature.

    options: the TypedDict of the keywords that it does take, none of which is required.
    """
    known: frozenset[str] = options.__optional_keys__
    if given.keys() <= known:
        return
    keyword = next(each for each in given if each not in known)
    from difflib import get_close_matches

    near = get_close_matches(keyword, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise TypeError(f"{call}() got an unexpected keyword argument {keyword!r}{hint}")
