"""The classes behind ``Query()``, ``Body()``, ``Depends()`` and their like.

A parameter's declaration is a Pydantic ``FieldInfo`` that also knows where its value comes from::

    FieldInfo
    └── Declared
        ├── Param      in_ says which part of the request
        │   ├── Path
        │   ├── Query
        │   ├── Header convert_underscores
        │   └── Cookie
        └── Body       media_type, embed
            └── Form
                └── File

``Depends`` and ``Security`` are plain frozen values. Users meet all of these through the functions
in ``declare``, whose return type fits any annotation; libraries subclass and inspect the classes.
"""

# Pydantic marks FieldInfo as final for type checkers, yet FastAPI's API is made of its subclasses,
# and mypy complains at each of them anew (pyright only once, below).
# mypy: disable-error-code=misc

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Self, Unpack
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import RunVar
from pydantic import AliasChoices, AliasPath, Discriminator, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticUndefined
from typing_extensions import TypedDict, deprecated

from trivium.binding.defaults import UNSET
from trivium.errors import (
    DeclarationError,
    TriviumDeprecationWarning,
    stack_level_of_caller,
)

__all__ = [
    "Body",
    "ConcurrencyError",
    "ConcurrencyLimit",
    "Cookie",
    "Declared",
    "Depends",
    "DependsOptions",
    "Example",
    "File",
    "Form",
    "Header",
    "KeepEmpty",
    "Param",
    "ParamOptions",
    "ParamTypes",
    "Path",
    "Query",
    "Scope",
    "Security",
]

Undefined = PydanticUndefined

Scope = Literal["function", "request", "app"]
"""A dependency lives until the handler returned, until the reply was sent, or until shutdown."""


class _Address:
    """Pydantic's ``AnyUrl``, imported where an example is validated: it takes a megabyte."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import AnyUrl

        return handler.generate_schema(AnyUrl)


class Example(TypedDict, total=False):
    """One entry of ``openapi_examples``: OpenAPI's Example Object, extensions allowed."""

    summary: str | None
    description: str | None
    value: Any | None
    externalValue: Annotated[Any, _Address] | None

    # Pydantic reads it from the class; it is not a key, as the checkers think.
    __pydantic_config__ = {"extra": "allow"}  # noqa: RUF012  # pyright: ignore[reportGeneralTypeIssues]  # as above


class ParamOptions(TypedDict, total=False):
    """The keywords that every parameter declaration takes.

    What is left out keeps Pydantic's default; what is not explained here means what it means in
    ``pydantic.Field``.
    """

    default_factory: Callable[[], Any] | None
    alias: str | None
    """Name in the request; the default is the parameter's own name."""
    alias_priority: int | None
    validation_alias: str | AliasPath | AliasChoices | None
    serialization_alias: str | None
    title: str | None
    description: str | None
    gt: float | None
    ge: float | None
    lt: float | None
    le: float | None
    min_length: int | None
    max_length: int | None
    pattern: str | re.Pattern[str] | None
    regex: str | None
    """Deprecated spelling of ``pattern``."""
    discriminator: str | Discriminator | None
    strict: bool | None
    validate_default: bool | None
    union_mode: Literal["smart", "left_to_right"] | None
    fail_fast: bool | None
    multiple_of: float | None
    allow_inf_nan: bool | None
    max_digits: int | None
    decimal_places: int | None
    examples: list[Any] | None
    """Examples in the JSON schema of the value."""
    example: Any | None
    """Deprecated: OpenAPI 3.0's single example."""
    openapi_examples: dict[str, Example] | None
    """Named examples that the documentation pages show, by key."""
    deprecated: deprecated | str | bool | None
    include_in_schema: bool
    """Whether the OpenAPI document shows the parameter; it does unless this is ``False``."""
    json_schema_extra: dict[str, Any] | Callable[[dict[str, Any]], None] | None


_KEYWORDS = frozenset(ParamOptions.__annotations__)


class ParamTypes(Enum):
    """The parts of a request, besides its body, that a parameter can come from."""

    query = "query"
    header = "header"
    path = "path"
    cookie = "cookie"


class Declared(FieldInfo):  # pyright: ignore[reportGeneralTypeIssues]  # as above
    """What all declarations share: Pydantic's field, and how OpenAPI shows it.

    Raises ``TypeError`` for a keyword that nothing would read.
    """

    example: Any
    include_in_schema: bool
    openapi_examples: dict[str, Example] | None

    def __init__(
        self,
        default: Any = Undefined,
        *,
        annotation: Any | None = None,
        **options: Unpack[ParamOptions],
    ) -> None:
        given: dict[str, Any] = {key: value for key, value in options.items() if value is not UNSET}
        if not given.keys() <= _KEYWORDS:
            raise TypeError(_unexpected(type(self), given))
        self.include_in_schema = given.pop("include_in_schema", True)
        self.openapi_examples = given.pop("openapi_examples", None)
        self.example = given.pop("example", UNSET)
        if self.example is not UNSET:
            _warn_deprecated("example", "examples")
        if (regex := given.pop("regex", None)) is not None:
            _warn_deprecated("regex", "pattern")
        given["pattern"] = given.get("pattern") or regex
        _spread_alias(given)
        super().__init__(default=default, annotation=annotation, **given)

    @classmethod
    def inferred(cls, annotation: Any, default: Any = Undefined) -> Self:
        """The declaration without options, which is what a plain parameter means.

        The same as ``cls(default, annotation=annotation)`` and several times faster: most
        parameters of a program are plain, and Pydantic looks at three dozen options of each.
        """
        made = cls.__new__(cls)
        state = _PLAIN.get(cls) or _plain_state(cls)
        for slot, value in state.shared:
            setattr(made, slot, value)
        for slot, value in state.owned:
            setattr(made, slot, value.copy())
        made.__dict__.update(state.attributes)
        made.annotation = made._attributes_set["annotation"] = annotation
        if default is not Undefined and default is not ...:
            made.default = made._attributes_set["default"] = default
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.default})"


class Param(Declared):
    """A value from outside the body; a bare ``Param`` is read from the query."""

    in_: ParamTypes


class Path(Param):
    """A value from the path. It has no default: without the value the route does not match."""

    in_ = ParamTypes.path

    def __init__(
        self,
        default: Any = ...,
        *,
        annotation: Any | None = None,
        **options: Unpack[ParamOptions],
    ) -> None:
        if default is not ...:
            raise DeclarationError(
                "Path parameters cannot have a default value",
                instead="Path() without a default, or Query() for a value that may be left out",
            )
        super().__init__(default, annotation=annotation, **options)


class Query(Param):
    """A value from the query string."""

    in_ = ParamTypes.query


class Header(Param):
    """A value from a header.

    ``convert_underscores`` looks for ``user-agent`` where the parameter is named ``user_agent``.
    Turn it off for a header that is really spelled with underscores, which many proxies drop.
    """

    in_ = ParamTypes.header
    convert_underscores: bool

    def __init__(
        self,
        default: Any = Undefined,
        *,
        annotation: Any | None = None,
        convert_underscores: bool = True,
        **options: Unpack[ParamOptions],
    ) -> None:
        self.convert_underscores = convert_underscores
        super().__init__(default, annotation=annotation, **options)


class Cookie(Param):
    """A value from a cookie."""

    in_ = ParamTypes.cookie


class Body(Declared):
    """The body of the request, or with ``embed`` one key of it.

    ``embed=None`` leaves the choice to the number of body parameters: one is the body itself,
    several are its keys. ``media_type`` is what the OpenAPI document says.
    """

    embed: bool | None
    media_type: str

    def __init__(
        self,
        default: Any = Undefined,
        *,
        annotation: Any | None = None,
        embed: bool | None = None,
        media_type: str = "application/json",
        **options: Unpack[ParamOptions],
    ) -> None:
        self.embed = embed
        self.media_type = media_type
        super().__init__(default, annotation=annotation, **options)


class KeepEmpty(Enum):
    """The mark of a form field to which an empty string is a value like any other."""

    MARK = "keep empty"


class Form(Body):
    """A field of a form; forms have keys, so there is nothing to embed.

    keep_empty: whether an empty string is a value. As a rule it counts as missing, because a
        browser sends one for every input that was left alone.
    """

    def __init__(
        self,
        default: Any = Undefined,
        *,
        annotation: Any | None = None,
        media_type: str = "application/x-www-form-urlencoded",
        keep_empty: bool = False,
        **options: Unpack[ParamOptions],
    ) -> None:
        self.embed = None
        self.media_type = media_type
        # Not by way of Body, which would take `embed` for a form too.
        Declared.__init__(self, default, annotation=annotation, **options)
        if keep_empty:
            # Among the metadata, which a field of a model keeps when Pydantic makes its own of it.
            self.metadata.append(KeepEmpty.MARK)


class File(Form):
    """A file of a form: its content as ``bytes``, or an ``UploadFile``."""

    def __init__(
        self,
        default: Any = Undefined,
        *,
        annotation: Any | None = None,
        media_type: str = "multipart/form-data",
        **options: Unpack[ParamOptions],
    ) -> None:
        super().__init__(default, annotation=annotation, media_type=media_type, **options)


class ConcurrencyLimit:
    """How many values of one declaration may be alive at once, in one event loop.

    A declaration owns one limit, and everything that uses the declaration shares it: every route,
    router and application. Semaphores belong to an event loop, so there is one for each loop,
    made when first asked for and released with the declaration.
    """

    def __init__(self, max_concurrency: int) -> None:
        self.max_concurrency = max_concurrency

    def get_semaphore(self) -> "anyio.Semaphore":
        """The semaphore of the running event loop. Call it from that loop only."""
        semaphores = _semaphores.get(None)
        if semaphores is None:
            semaphores = WeakKeyDictionary()
            _semaphores.set(semaphores)
        semaphore = semaphores.get(self)
        if semaphore is None:
            semaphore = semaphores[self] = anyio.Semaphore(self.max_concurrency)
        return semaphore


_semaphores: "RunVar[WeakKeyDictionary[ConcurrencyLimit, anyio.Semaphore]]" = RunVar(
    "trivium_semaphores"
)


class ConcurrencyError(DeclarationError, ValueError):
    """A number of values that is none; also a ValueError, which is what FastAPI raises."""


class DependsOptions(TypedDict, total=False):
    """The keywords that ``Depends()`` and ``Security()`` take."""

    use_cache: bool
    """Whether one value serves all who ask for it in one request; it does unless ``False``."""
    scope: Scope | None
    """How long the value lives; ``None`` means ``"request"`` for generators."""
    max_concurrency: int | None
    """How many values may be alive at once, at least 1; others wait. ``None`` sets no limit."""


@dataclass(frozen=True)
class Depends:
    """A value that a dependency makes; ``dependency=None`` calls the parameter's own annotation.

    Raises ``ConcurrencyError`` for a ``max_concurrency`` that is not a positive integer and
    ``DeclarationError`` for an unknown ``scope``.
    """

    dependency: Callable[..., Any] | None = None
    use_cache: bool = True
    scope: Scope | None = None
    max_concurrency: int | None = field(default=None, kw_only=True)
    # Two declarations with one limit each are two limits, so the limit takes part in equality.
    _concurrency: ConcurrencyLimit | None = field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.scope not in (None, "function", "request", "app"):
            raise DeclarationError(
                f"A dependency cannot have the scope {self.scope!r}",
                instead='scope="function", scope="request" or scope="app"',
            )
        limit = self.max_concurrency
        if limit is None:
            object.__setattr__(self, "_concurrency", None)
            return
        # `True` is an int to Python, and never what was meant.
        if type(limit) is not int or limit < 1:
            raise ConcurrencyError(
                "max_concurrency must be a positive integer or None",
                instead="max_concurrency=1",
            )
        # `dataclasses.replace()` hands the limit over: a copy shares it unless the number changed.
        if self._concurrency is None or self._concurrency.max_concurrency != limit:
            object.__setattr__(self, "_concurrency", ConcurrencyLimit(limit))


@dataclass(frozen=True)
class Security(Depends):
    """A dependency that also asks for OAuth2 scopes; ``SecurityScopes`` receives them."""

    scopes: Sequence[str] | None = None


@dataclass(frozen=True)
class _State:
    """What a declaration without options holds, by where it holds it."""

    shared: list[tuple[str, Any]]
    owned: list[tuple[str, Any]]
    """What each declaration has to have for itself: a list, a dict or a set."""
    attributes: dict[str, Any]


_PLAIN: dict[type[Declared], _State] = {}


def _plain_state(declared: type[Declared]) -> _State:
    plain = declared(annotation=Any)
    shared: list[tuple[str, Any]] = []
    owned: list[tuple[str, Any]] = []
    for slot in FieldInfo.__slots__:
        if hasattr(plain, slot):
            value = getattr(plain, slot)
            (owned if isinstance(value, (list, dict, set)) else shared).append((slot, value))
    state = _PLAIN[declared] = _State(shared, owned, dict(plain.__dict__))
    return state


def _spread_alias(given: dict[str, Any]) -> None:
    """Makes ``alias`` the name for reading and writing wherever no other name is given."""
    alias = given.get("alias", UNSET)
    if given.get("validation_alias") is None:
        given["validation_alias"] = alias
    if given.get("serialization_alias") is None and isinstance(alias, str):
        given["serialization_alias"] = alias
    if given["validation_alias"] is UNSET:
        del given["validation_alias"]


def _warn_deprecated(keyword: str, instead: str) -> None:
    warnings.warn(
        f"`{keyword}` is deprecated, use `{instead}`",
        category=TriviumDeprecationWarning,
        stacklevel=stack_level_of_caller(),
    )


def _unexpected(declared: type[Declared], given: dict[str, Any]) -> str:
    keyword = next(key for key in given if key not in _KEYWORDS)
    text = f"{declared.__name__}() got an unexpected keyword argument {keyword!r}"
    from difflib import get_close_matches

    near = get_close_matches(keyword, _KEYWORDS, n=1)
    return f"{text}; did you mean {near[0]!r}?" if near else text
