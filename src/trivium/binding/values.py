"""The arguments of one callable: its dependencies' values, and what is read from the request.

Each field is compiled to a small function that is called with the exchange and the arguments so
far: it adds its argument and returns None, or returns the errors. Everything that the declaration
tells (names, defaults, whether a string needs validation at all) is decided at compile time.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from pydantic import ValidationError
from starlette.datastructures import FormData

from trivium.binding.dependant import Dependant, parameter_model
from trivium.binding.fields import Field, Loc, Undefined, missing, relocated
from trivium.binding.parameter_models import model_reader
from trivium.binding.params import ParamTypes
from trivium.binding.picking import Errors, picked, validated
from trivium.binding.schemes import SecurityScopes
from trivium.exchange import Exchange

__all__ = ["Arguments", "Reader", "Run", "reader_of"]

Reader: TypeAlias = Callable[[Exchange, dict[str, Any]], Errors | None]


class Run:
    """One request's way through a plan: the values made so far, and the errors found."""

    __slots__ = ("body", "errors", "failed", "forms", "values")

    def __init__(self, size: int, body: Any) -> None:
        self.values: list[Any] = [None] * size if size else _NO_VALUES
        self.body = body
        self.errors: Errors | None = None
        self.failed: dict[int, Errors] | None = None
        self.forms: dict[int, tuple[dict[str, Any], Errors | None]] | None = None

    def note(self, index: int, errors: Errors) -> None:
        """Notes that a callable cannot be called, and what was wrong with its own parameters."""
        if self.errors is None or self.failed is None:
            self.errors, self.failed = [], {}
        self.errors += errors
        self.failed[index] = errors


_NO_VALUES: list[Any] = []


class Arguments:
    """How the arguments of one callable are made.

    ``inputs`` are the parameters that receive the values of dependencies, each with the index of
    its value. ``index`` is the callable's own place in the run.
    """

    __slots__ = ("_body", "_children", "_form", "_readers", "index", "inputs")

    def __init__(
        self,
        dependant: Dependant,
        index: int,
        inputs: Sequence[tuple[str, int]],
        children: frozenset[int],
        *,
        embed: bool,
        is_form: bool,
    ) -> None:
        self.index = index
        self.inputs = tuple(inputs)
        self._children = children
        self._readers = (*_readers(dependant), *_injections(dependant))
        self._body: Callable[[Any, dict[str, Any]], Errors | None] | None = None
        self._form: Callable[[FormData, dict[str, Any]], Awaitable[Errors | None]] | None = None
        if dependant.body_params:
            from trivium.binding.body import body_arguments, form_arguments

            if is_form:
                self._form = form_arguments(dependant.body_params, embed)
            else:
                self._body = body_arguments(dependant.body_params, embed)

    @property
    def reads_form(self) -> bool:
        """Whether ``take_form`` has to be awaited before."""
        return self._form is not None

    async def take_form(self, run: Run) -> None:
        """Takes the parts of the form out; awaited, for files are read asynchronously."""
        if self._form is not None and isinstance(run.body, FormData):
            taken: dict[str, Any] = {}
            if run.forms is None:
                run.forms = {}
            run.forms[self.index] = (taken, await self._form(run.body, taken))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to call with."""
        return not (self.inputs or self._readers or self._body or self._form)

    def read(self, ex: Exchange, body: Any, arguments: dict[str, Any]) -> Errors | None:
        """Adds what the request holds, but for a form; what does not validate."""
        errors = self.read_values(ex, arguments) if self._readers else None
        if self._body is not None:
            found = self._body(body, arguments)
            if found is not None:
                errors = [*errors, *found] if errors else found
        return errors

    def read_values(self, ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        """Adds what is not in the body; what does not validate."""
        errors: Errors | None = None
        for read in self._readers:
            found = read(ex, arguments)
            if found is not None:
                errors = [*errors, *found] if errors else found
        return errors

    def make(self, ex: Exchange, run: Run) -> dict[str, Any] | None:
        """What to call with; None, with the errors noted, where something does not validate."""
        values = run.values
        arguments = {name: values[index] for name, index in self.inputs} if self.inputs else {}
        errors = self.read(ex, run.body, arguments)
        if self._form is not None and run.forms is not None:
            taken, found = run.forms[self.index]
            arguments.update(taken)
            if found is not None:
                errors = [*errors, *found] if errors else found
        if errors or (run.failed and not self._children.isdisjoint(run.failed)):
            run.note(self.index, errors or [])
            return None
        return arguments


def _readers(dependant: Dependant) -> list[Reader]:
    """The readers of everything that is not in the body, in FastAPI's order."""
    return [
        *_readers_of(dependant.path_params, ParamTypes.path),
        *_readers_of(dependant.query_params, ParamTypes.query),
        *_readers_of(dependant.header_params, ParamTypes.header),
        *_readers_of(dependant.cookie_params, ParamTypes.cookie),
    ]


def reader_of(field: Field, place: ParamTypes) -> Reader:
    """The reader of a single field."""
    (reader,) = _readers_of([field], place)
    return reader


class _Place(NamedTuple):
    """Where the values of parameters stand in an exchange."""

    values: Callable[[Exchange], Mapping[str, Any]]
    """All of them, with all values of a name."""
    getter: Callable[[Exchange], Callable[[Any], Any]]
    """What gives the value of one name, None where there is none."""


_PLACES: Mapping[ParamTypes, _Place] = {
    ParamTypes.path: _Place(attrgetter("path_params"), attrgetter("path_params.get")),
    ParamTypes.query: _Place(attrgetter("query_params"), attrgetter("query.get")),
    ParamTypes.header: _Place(attrgetter("headers"), attrgetter("header")),
    ParamTypes.cookie: _Place(attrgetter("cookies"), attrgetter("cookies.get")),
}


def _readers_of(fields: Iterable[Field], place: ParamTypes) -> Iterator[Reader]:
    """The readers of one place. Fields of one value each are read together."""
    scalars: list[_Scalar] = []
    for field in fields:
        reader = _reader_of_several(field, place)
        if reader is None:
            scalars.append(_scalar(field, place))
            continue
        if scalars:
            yield _scalars_reader(scalars, _PLACES[place].getter)
            scalars = []
        yield reader
    if scalars:
        yield _scalars_reader(scalars, _PLACES[place].getter)


def _reader_of_several(field: Field, place: ParamTypes) -> Reader | None:
    """The reader of a field that takes more than one value, or has more than one name."""
    values = _PLACES[place].values
    is_in_path = place is ParamTypes.path
    if not is_in_path and (model := parameter_model(field)) is not None:
        return model_reader(field, model, place.value, values)
    keys = [key for _, key in field.names()]
    if len(keys) > 1 or (field.is_sequence and not is_in_path):
        return _reader_of_many(field, place.value, keys, values)
    return None


class _Scalar(NamedTuple):
    """A field with one name and one value."""

    name: str
    key: str | bytes
    loc: Loc
    absent: Callable[[dict[str, Any]], Errors | None]
    takes_any_string: bool
    validate: Callable[..., Any]


def _scalar(field: Field, place: ParamTypes) -> _Scalar:
    ((_, key),) = field.names()
    loc = (place.value, key)
    return _Scalar(
        field.name,
        key.lower().encode("latin-1", "replace") if place is ParamTypes.header else key,
        loc,
        _absent(field, loc),
        _takes_any_string(field),
        field.checker.validator.validate_python,
    )


def _scalars_reader(
    scalars: list[_Scalar], getter: Callable[[Exchange], Callable[[Any], Any]]
) -> Reader:
    def read(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        get = getter(ex)
        errors: Errors | None = None
        for name, key, loc, absent, takes_any_string, validate in scalars:
            value = get(key)
            if value is None:
                found = absent(arguments)
            # a path parameter with a convertor is no string any more
            elif takes_any_string and type(value) is str:
                arguments[name] = value
                continue
            else:
                try:
                    arguments[name] = validate(value, from_attributes=True)
                    continue
                except ValidationError as error:
                    found = relocated(error, loc)
            if found is not None:
                errors = [*errors, *found] if errors else found
        return errors

    return read


def _absent(field: Field, loc: Loc) -> Callable[[dict[str, Any]], Errors | None]:
    """What happens where the request does not hold the value."""
    name = field.name
    if field.required:
        return lambda arguments: [missing(loc)]
    info = field.field_info
    default = info.default
    if info.default_factory is None and not info.validate_default and _is_immutable(default):

        def use(arguments: dict[str, Any]) -> None:
            arguments[name] = default

        return use

    def make(arguments: dict[str, Any]) -> Errors | None:
        value, errors = validated(field, Undefined, loc)
        if errors:
            return errors
        arguments[name] = value
        return None

    return make


def _reader_of_many(
    field: Field,
    place: str,
    keys: list[str],
    source: Callable[[Exchange], Mapping[str, Any]],
) -> Reader:
    """Several names to choose from, or several values under one."""
    name = field.name

    def read(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        values = source(ex)
        key = next((key for key in keys if key in values), keys[0])
        value, errors = validated(field, picked(field, values, key), (place, key))
        if errors:
            return errors
        arguments[name] = value
        return None

    return read


def _takes_any_string(field: Field) -> bool:
    """Whether every string is valid as it is, so that validating it would change nothing."""
    info = field.field_info
    return info.annotation in (str, str | None, Any) and not info.metadata and field.config is None


def _is_immutable(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | bytes | Enum)


def _injections(dependant: Dependant) -> list[Reader]:
    found: list[Reader] = []

    def give(name: str | None, make: Callable[[Exchange], Any]) -> None:
        if name is not None:

            def inject(ex: Exchange, arguments: dict[str, Any]) -> None:
                arguments[name] = make(ex)

            found.append(inject)

    if (name := dependant.request_param_name) is not None:
        found.append(_connection_of(name, wants_websocket=False))
    if (name := dependant.websocket_param_name) is not None:
        found.append(_connection_of(name, wants_websocket=True))
    give(dependant.http_connection_param_name, lambda ex: ex.connection)
    give(dependant.background_tasks_param_name, lambda ex: ex.background_tasks)
    give(dependant.response_param_name, lambda ex: ex.response)
    scopes = dependant.oauth_scopes
    give(dependant.security_scopes_param_name, lambda ex: SecurityScopes(scopes=list(scopes)))
    return found


def _connection_of(name: str, *, wants_websocket: bool) -> Reader:
    """A dependency of both kinds of route takes both, one of them with a default of None."""

    def inject(ex: Exchange, arguments: dict[str, Any]) -> None:
        if ex.is_websocket is wants_websocket:
            arguments[name] = ex.connection

    return inject
