"""msgspec Structs and attrs classes as bodies, results and parts of them.

Pydantic does not know these classes. ``adapted`` puts a stand-in for each into an annotation, and
the stand-in tells Pydantic what the class is made of. Both packages are recognised by the marks
that they leave on a class, and imported only where such a class is declared.
"""

import inspect
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PydanticSchemaGenerationError, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from trivium.binding.annotations import is_attrs_class, is_struct, is_union
from trivium.binding.records import Record, describe_record, record_schema
from trivium.binding.rewriting import rewritten

__all__ = ["Foreign", "adapted"]


def adapted(annotation: Any) -> Any:
    """The annotation with stand-ins for the Structs and attrs classes in it."""
    return rewritten(annotation, _stand_in_for)


class Foreign:
    """Marks a Struct or attrs class in a place that only Pydantic looks at: a model's field.

    ``origin: Annotated[Airport, Foreign()]``, for Pydantic makes the schema of a model when the
    class is written, long before the model is declared anywhere. In the signature of a handler
    nothing is needed.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return handler.generate_schema(adapted(source))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign)

    def __hash__(self) -> int:
        return hash(Foreign)


def _stand_in_for(part: Any) -> Any:
    if is_union(part):
        return _labelled(part)
    return _stand_in(part) if _is_foreign(part) else part


def _is_foreign(part: Any) -> bool:
    cls = get_origin(part) or part
    # a class that speaks to Pydantic itself is none of ours
    return (is_struct(cls) or is_attrs_class(cls)) and not hasattr(
        cls, "__get_pydantic_core_schema__"
    )


@lru_cache(maxsize=1024)
def _stand_in(annotation: Any) -> type[Any]:
    """The class that Pydantic sees; one for each Struct or attrs class, so that it is one type."""
    cls = get_origin(annotation) or annotation
    name: str = cls.__name__
    if arguments := get_args(annotation):
        name += f"[{','.join(getattr(a, '__name__', repr(a)) for a in arguments)}]"
    return type(
        name,
        (_StandIn,),
        {"declared": annotation, "__module__": cls.__module__, "__qualname__": name},
    )


_in_making: ContextVar[frozenset[type[Any]]] = ContextVar("_in_making", default=frozenset())
"""The stand-ins whose schema is being made, from the outermost inwards."""


class _StandIn:
    declared: Any

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # written as Pydantic writes it, for it looks there for what it has made already
        ref = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"
        outer = _in_making.get()
        if cls in outer:
            # the class holds itself
            return core_schema.definition_reference_schema(ref)
        try:
            record = _record(cls.declared)
        except (NameError, TypeError) as error:
            raise PydanticSchemaGenerationError(
                f"The fields of {cls.declared!r} cannot be read: {error}"
            ) from error
        token = _in_making.set(outer | {cls})
        try:
            return record_schema(record, ref, _Adapting(handler))
        finally:
            _in_making.reset(token)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = describe_record(_record(cls.declared), schema, handler)
        component = handler.resolve_ref_schema(written)
        component["title"] = cls.__name__
        declared = get_origin(cls.declared) or cls.declared
        if description := _own_docstring(declared):
            component["description"] = description
        return written


class _Adapting(GetCoreSchemaHandler):
    """Pydantic's handler for the fields of a record, which may hold records in turn."""

    def __init__(self, handler: GetCoreSchemaHandler) -> None:
        self._handler = handler

    def generate_schema(self, source_type: Any, /) -> CoreSchema:
        return self._handler.generate_schema(adapted(source_type))


@lru_cache(maxsize=1024)
def _record(annotation: Any) -> Record:
    # these import msgspec and attrs, which a program without such classes may not have
    if is_struct(get_origin(annotation) or annotation):
        from trivium.binding.structs import StructRecord

        return StructRecord(annotation)
    from trivium.binding.attrs_classes import AttrsRecord

    return AttrsRecord(annotation)


def _own_docstring(cls: type[Any]) -> str | None:
    text = cls.__dict__.get("__doc__")
    return inspect.cleandoc(text) if isinstance(text, str) else None


def _labelled(union: Any) -> Any:
    """The union with its records told apart: by their tags, else by trying one after the other.

    Each goes by its own name in the place of an error, as the members of a union of models do.
    """
    members = get_args(union)
    foreign = [member for member in members if _is_foreign(_bare(member))]
    if not foreign:
        return union
    tagged = _tagged_union(foreign)
    seen: list[Any] = []
    for member in members:
        if member not in foreign:
            seen.append(adapted(member))
        elif tagged is None:
            seen.append(Annotated[adapted(member), Tag(_stand_in(_bare(member)).__name__)])
        elif tagged not in seen:
            seen.append(tagged)
    return Union[tuple(seen)]  # noqa: UP007  # made from a list


def _bare(member: Any) -> Any:
    return get_args(member)[0] if get_origin(member) is Annotated else member


def _tagged_union(members: list[Any]) -> Any:
    """The stand-in of several Structs that tags tell apart; None where tags do not."""
    bare = [_bare(member) for member in members]
    if len(bare) < 2 or not all(is_struct(get_origin(member) or member) for member in bare):
        return None
    from trivium.binding.structs import tag_of  # imports msgspec

    tags = [tag_of(member) for member in bare]
    keys = {tag and tag[0] for tag in tags}
    if None in keys or len(keys) > 1:
        return None
    choices = {tag[1]: member for tag, member in zip(tags, members, strict=True) if tag}
    return type("_Tagged", (_TaggedUnion,), {"key": keys.pop(), "choices": choices})


class _TaggedUnion:
    key: str
    choices: dict[Any, Any]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        structs = [(get_origin(_bare(m)) or _bare(m), tag) for tag, m in cls.choices.items()]
        tags = ", ".join(map(repr, cls.choices))

        def tag_in(value: Any) -> Any:
            if isinstance(value, Mapping):
                return value.get(cls.key)
            if isinstance(value, list):
                return value[0] if value else None
            of_class = (tag for struct, tag in structs if isinstance(value, struct))
            return next(of_class, getattr(value, cls.key, None))

        def check(value: Any) -> Any:
            tag = tag_in(value)
            if type(tag) not in (str, int):
                raise PydanticKnownError("union_tag_not_found", {"discriminator": repr(cls.key)})
            if tag not in cls.choices:
                context = {"discriminator": repr(cls.key), "tag": str(tag), "expected_tags": tags}
                raise PydanticKnownError("union_tag_invalid", context)
            return value

        choices = {tag: handler.generate_schema(adapted(m)) for tag, m in cls.choices.items()}
        union = core_schema.tagged_union_schema(choices, tag_in, from_attributes=True)
        # looks first, for the union itself would call the discriminator by the name of a function
        return core_schema.no_info_before_validator_function(check, union)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = handler(schema)
        references = [choice.get("$ref") for choice in written["oneOf"]]
        if all(references):
            # an array has no property to tell it by, and no component either
            mapping = dict(zip(map(str, cls.choices), references, strict=True))
            written["discriminator"] = {"propertyName": cls.key, "mapping": mapping}
        return written
