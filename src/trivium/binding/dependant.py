"""What a handler needs, as a tree: its parameters by place, and the dependencies under it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pydantic

from trivium.binding.annotations import is_subclass, model_of
from trivium.binding.callables import CallKind, kind_of, unwrapped
from trivium.binding.fields import Field, model_fields
from trivium.binding.params import Cookie, Header, Query
from trivium.binding.schemes import SecurityBase

__all__ = ["CacheKey", "Dependant", "ScopeName", "flat_parameters", "parameter_model"]

ScopeName: TypeAlias = Literal["function", "request", "app"]
CacheKey: TypeAlias = tuple[Callable[..., Any] | None, tuple[str, ...], str]


@dataclass(slots=True)
class Dependant:
    """A callable and what it is called with. The root is the handler, the rest dependencies."""

    path_params: list[Field] = field(default_factory=list)
    query_params: list[Field] = field(default_factory=list)
    header_params: list[Field] = field(default_factory=list)
    cookie_params: list[Field] = field(default_factory=list)
    body_params: list[Field] = field(default_factory=list)
    dependencies: list["Dependant"] = field(default_factory=list)
    name: str | None = None
    """The parameter that receives the result; None for one listed in ``dependencies=[...]``."""
    call: Callable[..., Any] | None = None
    request_param_name: str | None = None
    websocket_param_name: str | None = None
    http_connection_param_name: str | None = None
    response_param_name: str | None = None
    background_tasks_param_name: str | None = None
    security_scopes_param_name: str | None = None
    own_oauth_scopes: list[str] | None = None
    parent_oauth_scopes: list[str] | None = None
    use_cache: bool = True
    path: str | None = None
    scope: ScopeName | None = None
    limit: Any = None
    """The ``ConcurrencyLimit`` of the declaration, shared by all that use the declaration."""
    kind: CallKind = CallKind.SYNC

    @property
    def parameters(self) -> Iterator[Field]:
        """The parameters of every place but the body."""
        yield from self.path_params
        yield from self.query_params
        yield from self.header_params
        yield from self.cookie_params

    @property
    def oauth_scopes(self) -> list[str]:
        """The scopes asked for here and above, outermost first, each once."""
        return list(
            dict.fromkeys([*(self.parent_oauth_scopes or ()), *(self.own_oauth_scopes or ())])
        )

    @property
    def computed_scope(self) -> ScopeName | None:
        """The declared scope; a generator without one lives as long as the request."""
        return self.scope or ("request" if self.kind.is_generator else None)

    @property
    def security_scheme(self) -> SecurityBase | None:
        """The security scheme that the callable is, if it is one."""
        scheme = unwrapped(self.call)
        return scheme if isinstance(scheme, SecurityBase) else None

    @property
    def uses_scopes(self) -> bool:
        """Whether the result can depend on the OAuth2 scopes asked for above."""
        return bool(
            self.own_oauth_scopes
            or self.security_scopes_param_name
            or self.security_scheme
            or any(dependency.uses_scopes for dependency in self.dependencies)
        )

    @property
    def cache_key(self) -> CacheKey:
        """Two dependencies with one key are called once in a request."""
        scopes = tuple(sorted(self.oauth_scopes)) if self.uses_scopes else ()
        return (self.call, scopes, self.computed_scope or "")

    def classify(self) -> "Dependant":
        """Works out how to call; done once, where the callable is set."""
        if self.call is not None:
            self.kind = kind_of(self.call)
        return self

    def walk(self) -> Iterator["Dependant"]:
        """This one and all below it, each parent before its children, in declaration order."""
        pending: list[Dependant] = [self]
        while pending:
            current = pending.pop()
            yield current
            pending.extend(reversed(current.dependencies))

    def flat_body_params(self) -> list[Field]:
        """The body parameters of the whole tree, the handler's first."""
        return [param for dependant in self.walk() for param in dependant.body_params]


def flat_parameters(root: Dependant) -> list[Field]:
    """The parameters of the whole tree by place: path, query, header, cookie.

    A dependency that several ask for counts once; a model that stands for several parameters is
    replaced by its fields.
    """
    seen: set[CacheKey] = set()
    places: tuple[list[Field], list[Field], list[Field], list[Field]] = ([], [], [], [])
    pending = [root]
    while pending:
        current = pending.pop()
        key = current.cache_key
        if key in seen:
            continue
        seen.add(key)
        for place, params in zip(
            places,
            (
                current.path_params,
                current.query_params,
                current.header_params,
                current.cookie_params,
            ),
            strict=True,
        ):
            place.extend(params)
        pending.extend(reversed(current.dependencies))
    return [flat for place in places for param in place for flat in _flattened(param)]


def parameter_model(param: Field) -> Any:
    """The Pydantic model that stands for several parameters of one place; None for a plain one."""
    annotation = param.field_info.annotation
    if isinstance(param.field_info, (Query, Header, Cookie)):
        annotation = model_of(annotation)
    if annotation is None or param.is_json:
        return None
    return annotation if is_subclass(annotation, pydantic.BaseModel) else None


def _flattened(param: Field) -> tuple[Field, ...]:
    model = parameter_model(param)
    return (param,) if model is None else model_fields(model)
