"""From a handler's signature to the tree of what it needs.

Everything is decided here, when the route is registered: where each parameter is read from, what
is injected, which dependency is called how. A mistake in the declaration is raised here too, with
the line as it is written and the line that would work.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, ForwardRef, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from starlette.background import BackgroundTasks as StarletteBackgroundTasks
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from typing_inspection.typing_objects import is_typealiastype

from trivium.binding.annotations import (
    is_scalar,
    is_scalar_sequence,
    is_subclass,
    is_upload,
    is_upload_sequence,
    model_of,
    remembered,
)
from trivium.binding.callables import name_of, signature_of, unwrapped
from trivium.binding.dependant import Dependant, ScopeName
from trivium.binding.fields import Field, Undefined, copy_field_info, make_field
from trivium.binding.multipart import ensure_multipart_is_installed
from trivium.binding.params import (
    Body,
    ConcurrencyLimit,
    Depends,
    File,
    Form,
    Param,
    ParamTypes,
    Path,
    Query,
    Security,
)
from trivium.binding.schemes import SecurityScopes
from trivium.binding.written import Written, parameter_as_written
from trivium.errors import DeclarationError, DependencyScopeError, TriviumError, place_of

__all__ = ["analyse", "analyse_listed", "path_parameter_names", "read_signature"]

_EMPTY = inspect.Parameter.empty
_INJECTED = (
    (Request, "request_param_name"),
    (WebSocket, "websocket_param_name"),
    (HTTPConnection, "http_connection_param_name"),
    (Response, "response_param_name"),
    (StarletteBackgroundTasks, "background_tasks_param_name"),
    (SecurityScopes, "security_scopes_param_name"),
)
_INJECTED_TYPES = tuple(cls for cls, _ in _INJECTED)


@remembered
def _is_injected(annotation: Any) -> bool:
    return is_subclass(annotation, _INJECTED_TYPES)


_PATH_NAMES = re.compile("{(.*?)}")


def path_parameter_names(path: str) -> frozenset[str]:
    """The names between braces in a path template, convertors left out."""
    return frozenset(name.partition(":")[0] for name in _PATH_NAMES.findall(path))


def analyse(
    path: str,
    call: Callable[..., Any],
    *,
    name: str | None = None,
    own_oauth_scopes: list[str] | None = None,
    parent_oauth_scopes: list[str] | None = None,
    use_cache: bool = True,
    scope: ScopeName | None = None,
    limit: ConcurrencyLimit | None = None,
    signature: inspect.Signature | None = None,
) -> Dependant:
    """The tree under ``call``, a handler or a dependency of the route at ``path``.

    Raises DeclarationError, naming the parameter, for anything that cannot work.
    """
    root = _Analysis(path_parameter_names(path), path, [])
    return root.dependant(
        call,
        Dependant(
            call=call,
            name=name,
            path=path,
            use_cache=use_cache,
            scope=scope,
            limit=limit,
            own_oauth_scopes=own_oauth_scopes,
            parent_oauth_scopes=parent_oauth_scopes,
        ).classify(),
        signature,
    )


def analyse_listed(
    path: str, depends: Depends, call: Callable[..., Any] | None = None
) -> Dependant:
    """The tree under a dependency that is listed in ``dependencies=[...]``, with no parameter.

    ``call`` is the handler that it is listed for, which an error names.
    """
    if not isinstance(depends, Depends):
        raise DeclarationError(
            f"A listed dependency stands in Depends() or Security(), {name_of(depends)} does not",
            where=place_of(call),
            written=f"dependencies=[{name_of(depends)}]",
            instead=f"dependencies=[Depends({name_of(depends)})]",
        )
    if not callable(depends.dependency):
        raise DeclarationError(
            "A parameter-less dependency must have a callable dependency",
            where=place_of(call),
            written=f"dependencies=[Depends({depends.dependency!r})]",
            instead="dependencies=[Depends(some_function)]",
        )
    return analyse(
        path,
        depends.dependency,
        own_oauth_scopes=_own_scopes(depends),
        scope=depends.scope,
        limit=depends._concurrency,
    )


@dataclass
class _Analysis:
    """The analysis of one handler: what is the same for the whole tree."""

    path_names: frozenset[str]
    path: str
    stack: list[Callable[..., Any]]

    def dependant(
        self,
        call: Callable[..., Any],
        dependant: Dependant,
        signature: inspect.Signature | None = None,
    ) -> Dependant:
        if any(call is above for above in self.stack):
            cycle = " -> ".join(name_of(c) for c in [*self.stack, call])
            raise DeclarationError(
                f"A dependency needs itself, so it can never be made: {cycle}",
                where=place_of(self.stack[-1]),
                written=f"Depends({name_of(call)})",
                instead="a dependency that none of its own dependencies needs",
            )
        self.stack.append(call)
        for parameter in (signature or read_signature(call)).parameters.values():
            self._place(dependant, _Parameter(parameter, call, self.path_names))
        self.stack.pop()
        _refuse_duplicates(dependant)
        return dependant

    def _place(self, dependant: Dependant, parameter: "_Parameter") -> None:
        declared = parameter.declared()
        if isinstance(declared, Depends):
            dependant.dependencies.append(self._dependency(dependant, parameter, declared))
        elif isinstance(declared, str):
            setattr(dependant, declared, parameter.name)
        elif isinstance(declared.field_info, Body):
            dependant.body_params.append(declared)
        else:
            _place_of_param(dependant, declared).append(declared)

    def _dependency(
        self, parent: Dependant, parameter: "_Parameter", depends: Depends
    ) -> Dependant:
        call = depends.dependency
        if not callable(call):
            raise parameter.error(
                f"A dependency must be callable, {call!r} is not",
                instead=f"{parameter.name}: Annotated[{_shown(parameter.type)}, "
                "Depends(some_function)]",
            )
        child = Dependant(
            call=call,
            name=parameter.name,
            path=self.path,
            use_cache=depends.use_cache,
            scope=depends.scope,
            limit=depends._concurrency,
            own_oauth_scopes=_own_scopes(depends) or [],
            parent_oauth_scopes=[
                *(parent.parent_oauth_scopes or ()),
                *(parent.own_oauth_scopes or ()),
            ],
        ).classify()
        _refuse_narrower(parent, child, parameter)
        self.dependant(call, child)
        if child.scope == "app":
            _refuse_request_values(child, parameter)
        return child


class _Parameter:
    """One parameter of a signature: to become a field, an injection or a dependency."""

    def __init__(
        self, parameter: inspect.Parameter, call: Callable[..., Any], path_names: frozenset[str]
    ) -> None:
        self.parameter = parameter
        self.name = parameter.name
        self.call = call
        annotation = parameter.annotation
        if is_typealiastype(annotation):
            annotation = annotation.__value__
        self.annotation: Any = Any if annotation is _EMPTY else annotation
        self.is_annotated = get_origin(self.annotation) is Annotated
        self.type: Any = get_args(self.annotation)[0] if self.is_annotated else self.annotation
        self.value = parameter.default
        self.in_path = self.name in path_names
        self.path_names = path_names

    def declared(self) -> Depends | str | Field:
        """A dependency, the name of the injection it receives, or the field it is read from."""
        in_annotation = self._in_annotation()
        info = in_annotation if isinstance(in_annotation, FieldInfo) else None
        depends = in_annotation if isinstance(in_annotation, Depends) else None
        if isinstance(self.value, Depends):
            self._refuse_both(depends, info)
            depends = self.value
        elif isinstance(self.value, FieldInfo):
            if info is not None:
                raise self.error(
                    "Cannot specify FastAPI annotations in `Annotated` and default value together"
                    f" for {self.name!r}",
                    instead=self._source.annotated + _plain_default(self.value),
                )
            info = self.value
            info.annotation = self.type
        if depends is None and isinstance(self.type, ForwardRef):
            missing = _undefined_name(self.type, self.call)
            raise self.error(
                f"{missing!r} is not defined where the route is registered",
                instead=f"{self.name}: {self.type.__forward_arg__}, below the definition or import"
                f" of {missing}",
            )
        if depends is not None:
            if depends.dependency is None:
                return dataclasses.replace(depends, dependency=self.type)
            return depends
        if _is_injected(self.type):
            return self._injection(info)
        return self._field(info if info is not None else self._inferred())

    def error(
        self,
        message: str,
        *,
        instead: str | None = None,
        kind: type[DeclarationError] = DeclarationError,
    ) -> DeclarationError:
        """The mistake, with the parameter as it is written."""
        return kind(message, where=place_of(self.call), written=self.written, instead=instead)

    @property
    def written(self) -> str:
        """The parameter as the author wrote it; without a source near enough to be found."""
        return str(self._source)

    @property
    def _source(self) -> Written:
        found = parameter_as_written(self.call, self.name)
        if found is not None:
            return found
        text = self.name
        if self.parameter.annotation is not _EMPTY:
            text += f": {_shown(self.annotation)}"
        return Written(text, None if self.value is _EMPTY else _shown(self.value))

    def _in_annotation(self) -> FieldInfo | Depends | None:
        if not self.is_annotated:
            return None
        ours = [a for a in get_args(self.annotation)[1:] if isinstance(a, (Param, Body, Depends))]
        if not ours:
            return None
        last = ours[-1]
        if isinstance(last, Depends):
            return last
        info = copy_field_info(last, self.annotation)
        if info.default is not Undefined and info.default is not ...:
            raise self.error(
                f"`{type(info).__name__}` default value cannot be set in `Annotated` for"
                f" {self.name!r}. Set the default value with `=` instead.",
                instead=f"{self.name}: Annotated[{_shown(self.type)}, "
                f"{type(info).__name__}()] = {info.default!r}",
            )
        if self.value is _EMPTY:
            info.default = Undefined
        elif self.in_path and not isinstance(self.value, (Depends, FieldInfo)):
            raise self.error(
                "Path parameters cannot have default values",
                instead=self._source.annotated,
            )
        else:
            info.default = self.value
        return info

    def _refuse_both(self, depends: Depends | None, info: FieldInfo | None) -> None:
        if depends is not None:
            raise self.error(
                "Cannot specify `Depends` in `Annotated` and default value together for"
                f" {self.name!r}",
                instead=self._source.annotated,
            )
        if info is not None:
            raise self.error(
                "Cannot specify a FastAPI annotation in `Annotated` and `Depends` as a default"
                f" value together for {self.name!r}",
                instead=f"{self.name}: {_shown(self.type)} = {self._source.default}",
            )

    def _injection(self, info: FieldInfo | None) -> str:
        if info is not None:
            raise self.error(
                f"Cannot specify FastAPI annotation for type {self.type!r}: it is injected",
                instead=f"{self.name}: {_shown(self.type)}",
            )
        return next(attribute for cls, attribute in _INJECTED if issubclass(self.type, cls))

    def _inferred(self) -> FieldInfo:
        default = Undefined if self.value is _EMPTY else self.value
        info: FieldInfo
        if self.in_path:
            # the default is left aside: one function may serve paths with and without the value
            info = Path.inferred(self.annotation)
        elif is_upload(self.type) or is_upload_sequence(self.type):
            info = File.inferred(self.annotation, default)
        elif is_scalar(self.type):
            info = Query.inferred(self.annotation, default)
        else:
            info = Body.inferred(self.annotation, default)
        if not self.is_annotated:
            return info
        inferred = info.default
        info = copy_field_info(info, self.annotation)
        info.default = inferred
        if self.in_path:
            info.default_factory = None
        return info

    def _field(self, info: FieldInfo) -> Field:
        if self.in_path and not isinstance(info, Path):
            raise self.error(
                f"Cannot use `{type(info).__name__}` for path param {self.name!r}",
                instead=f"{self.name}: Annotated[{_shown(self.type)}, Path()]",
            )
        if isinstance(info, Param) and getattr(info, "in_", None) is None:
            info.in_ = ParamTypes.query
        if isinstance(info, Form):
            from trivium.binding.forms import form_union

            ensure_multipart_is_installed()
            info.annotation = form_union(info.annotation)
        info = self._with_route_name(info)
        if not info.alias:
            hyphens = getattr(info, "convert_underscores", None)
            info.alias = self.name.replace("_", "-") if hyphens else self.name
        try:
            field = make_field(self.name, self.annotation, info)
        except DeclarationError as error:
            maker = f"get_{self.name}"
            raise self.error(
                error.message,
                instead=f"{self.name}: Annotated[{_shown(self.type)}, Depends({maker})]",
                kind=type(error),
            ) from error.__cause__
        self._refuse_place(field)
        return field

    def _with_route_name(self, info: FieldInfo) -> FieldInfo:
        # one of several alias choices is the name in the path: it is the one that counts there
        choices = info.validation_alias
        if not (isinstance(info, Path) and isinstance(choices, AliasChoices)):
            return info
        if all(isinstance(choice, str) for choice in choices.choices):
            for choice in choices.choices:
                if choice in self.path_names:
                    info = copy(info)
                    info.validation_alias = str(choice)
                    break
        return info

    def _refuse_place(self, field: Field) -> None:
        annotation = field.field_info.annotation
        if self.in_path and not is_scalar(annotation):
            raise self.error(
                "Path params must be of one of the supported types: one path segment cannot"
                f" hold {_shown(self.type)}",
                instead=f"{self.name}: str",
            )
        if isinstance(field.field_info, Query) and not (
            is_scalar(annotation)
            or is_scalar_sequence(annotation)
            or model_of(annotation) is not None
        ):
            raise self.error(
                f"Query parameter {self.name!r} must be one of the supported types:"
                f" {_shown(self.type)} cannot be written in a query string",
                instead=f"{self.name}: Annotated[{_shown(self.type)}, Body()]",
            )


def read_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The signature, annotations evaluated. Raises DeclarationError for a callable without one."""
    try:
        return signature_of(call)
    except ValueError as error:
        raise DeclarationError(
            f"{call!r} has no signature that can be read, so its parameters are unknown",
            instead="a function written in Python that calls it",
        ) from error


def _undefined_name(reference: ForwardRef, call: Callable[..., Any]) -> str:
    try:
        eval(reference.__forward_code__, getattr(unwrapped(call), "__globals__", {}))
    except NameError as error:
        return error.name or reference.__forward_arg__
    except Exception:
        pass
    return reference.__forward_arg__


def _plain_default(info: FieldInfo) -> str:
    if info.default is Undefined or info.default is ...:
        return ""
    return f" = {info.default!r}"


def _shown(value: Any) -> str:
    """A type, a dependency or a default, near to how a program writes it."""
    if isinstance(value, Depends):
        dependency = "" if value.dependency is None else name_of(value.dependency)
        return f"{type(value).__name__}({dependency})"
    if value is type(None):
        return "None"
    if value is Ellipsis:
        return "..."
    origin, arguments = get_origin(value), get_args(value)
    if origin is Union or origin is UnionType:
        return " | ".join(_shown(argument) for argument in arguments)
    if isinstance(origin, type) and arguments:
        return f"{origin.__name__}[{', '.join(_shown(argument) for argument in arguments)}]"
    if isinstance(value, type) and not arguments:
        return value.__name__
    return repr(value).replace("typing.", "")


def _own_scopes(depends: Depends) -> list[str] | None:
    return list(depends.scopes) if isinstance(depends, Security) and depends.scopes else None


def _place_of_param(dependant: Dependant, field: Field) -> list[Field]:
    place = getattr(field.field_info, "in_", None)
    if place is ParamTypes.path:
        return dependant.path_params
    if place is ParamTypes.query:
        return dependant.query_params
    if place is ParamTypes.header:
        return dependant.header_params
    if place is ParamTypes.cookie:
        return dependant.cookie_params
    raise TriviumError(
        f"non-body parameters must be in path, query, header or cookie: {field.name}"
    )


def _refuse_duplicates(dependant: Dependant) -> None:
    places: tuple[tuple[str, Sequence[Field]], ...] = (
        ("query", dependant.query_params),
        ("header", dependant.header_params),
        ("cookie", dependant.cookie_params),
        # a form may be read twice under one name, as text and as a file for example
        ("body", [f for f in dependant.body_params if not isinstance(f.field_info, Form)]),
    )
    for place, fields in places:
        if len(fields) < 2:
            continue
        seen: dict[str, str] = {}
        for field in fields:
            key = field.names()[0][0]
            key = key.lower() if place == "header" else key
            if key in seen:
                raise _duplicate(dependant, field, place, key, seen)
            seen[key] = field.name


def _duplicate(
    dependant: Dependant, field: Field, place: str, key: str, seen: dict[str, str]
) -> DeclarationError:
    alias = field.name if field.name not in seen else f"{key}-2"
    declared = f"{type(field.field_info).__name__}(alias={alias!r})"
    message = (
        f"The parameters {seen[key]!r} and {field.name!r} are both read from the {place} under the"
        f" name {key!r}"
    )
    call = dependant.call
    return DeclarationError(
        message,
        where=place_of(call),
        written=str(
            (call and parameter_as_written(call, field.name)) or f"{field.name} as {key!r}"
        ),
        instead=f"{field.name}: Annotated[{_shown(field.field_info.annotation)}, {declared}]",
    )


def _refuse_narrower(parent: Dependant, child: Dependant, parameter: _Parameter) -> None:
    outlives = {"function": 0, "request": 1, "app": 2}
    own = parent.computed_scope
    if not parent.kind.is_generator and own != "app":
        return
    needed = child.scope if own == "request" else (child.computed_scope or child.scope)
    if own is None or needed is None or outlives[needed] >= outlives[own]:
        return
    raise parameter.error(
        f'The dependency "{name_of(parent.call)}" has a scope of "{own}", it cannot depend on'
        f' dependencies with scope "{needed}".',
        instead=f"{parameter.name}: Annotated[{_shown(parameter.type)}, "
        f'Depends({name_of(child.call)}, scope="{own}")]',
        kind=DependencyScopeError,
    )


def _refuse_request_values(child: Dependant, parameter: _Parameter) -> None:
    for below in child.walk():
        read = [field.name for field in (*below.parameters, *below.body_params)]
        read += [
            name for _, attribute in _INJECTED if (name := getattr(below, attribute)) is not None
        ]
        if read:
            raise parameter.error(
                f'"{name_of(child.call)}" is made once for the application, so it cannot take'
                f" {', '.join(map(repr, read))} from a request",
                instead=f"{parameter.name}: Annotated[{_shown(parameter.type)}, "
                f'Depends({name_of(child.call)}, scope="request")]',
                kind=DependencyScopeError,
            )
