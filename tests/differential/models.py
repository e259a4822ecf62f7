"""Models that a program may declare: Pydantic models, dataclasses, TypedDicts and their unions."""

from __future__ import annotations

import zlib
from typing import Any

from hypothesis import strategies as st

from .kinds import SCALARS, Kind, flat_kinds, optional, scalars, sequences, wild_values, words

FIELD_NAMES = ("id", "name", "size_cm", "tags", "at", "price", "parent")

CONFIGS = (
    "extra='forbid'",
    "extra='allow'",
    "populate_by_name=True",
    "validate_by_name=True, validate_by_alias=False",
    "str_strip_whitespace=True",
    "use_enum_values=True",
    "loc_by_alias=False",
    "frozen=True",
    "strict=True",
    "title='A titled model'",
    "json_schema_extra={'x-kept': True}",
    "alias_generator=lambda name: name.replace('_', '-')",
    "from_attributes=True",
)

# Source of extra members, for models that do more than hold fields.
MEMBERS = (
    "@computed_field\n    @property\n    def shout(self) -> str:\n        return 'computed'",
    "@field_validator('*')\n    @classmethod\n    def _check(cls, value):\n"
    "        if value == 'x':\n            raise ValueError('x is not allowed')\n"
    "        return value",
    "@model_validator(mode='after')\n    def _whole(self):\n        return self",
)


def named(stem: str, body: str) -> str:
    """A class name that is unique to the body of the class, and the same at each run."""
    return f"{stem}{zlib.crc32(body.encode()) % 10_000}"


def _key(option: str) -> str:
    return option.partition("=")[0]


@st.composite
def models(draw: st.DrawFn, *, flat: bool, depth: int = 1, style: str = "BaseModel") -> Kind:
    """A class with fields. With `flat`, each field is one that a query or a form can hold."""
    kinds = flat_kinds if flat else value_kinds(depth - 1)
    names = draw(st.lists(st.sampled_from(FIELD_NAMES), max_size=4, unique=True))
    lines: list[str] = []
    values: dict[str, st.SearchStrategy[Any]] = {}
    spare: dict[str, st.SearchStrategy[Any]] = {}
    parts: list[tuple[tuple[str, ...], Kind]] = []
    sources: list[str] = []
    config = draw(st.lists(st.sampled_from(CONFIGS), max_size=2, unique_by=_key))
    for name in names:
        kind = draw(kinds)
        line, keys, required = draw(_fields(name, kind, style))
        lines.append(line)
        (values if required else spare)[draw(st.sampled_from(keys))] = kind.values
        if any("extra=" in option for option in config):
            spare["unknown"] = wild_values
        parts.append((keys, kind))
        sources += kind.sources
    if style == "BaseModel":
        if config:
            lines.insert(0, f"model_config = ConfigDict({', '.join(config)})")
        if draw(st.integers(0, 5)) == 5:
            lines.append(draw(st.sampled_from(MEMBERS)))
    if style == "dataclass":
        lines.sort(key=lambda line: " = " in line)
    body = "\n    ".join(lines or ["pass"])
    stem = {"BaseModel": "Model", "dataclass": "Data", "TypedDict": "Typed"}[style]
    name = named(stem, body)
    head = f"class {name}({style}):"
    if style == "dataclass":
        head = f"@dataclasses.dataclass\nclass {name}:"
    return Kind(
        name,
        st.just(("x",)),
        st.fixed_dictionaries(values, optional=spare),
        "None",
        sources=(*sources, f"{head}\n    {body}"),
        parts=tuple(parts),
    )


@st.composite
def _fields(
    draw: st.DrawFn, name: str, kind: Kind, style: str
) -> tuple[str, tuple[str, ...], bool]:
    """The line of a field, the keys under which it may be sent, and whether it is required."""
    required = draw(st.booleans())
    if style == "TypedDict":
        annotation = kind.annotation if required else f"NotRequired[{kind.annotation}]"
        return f"{name}: {annotation}", (name,), required
    if style == "dataclass":
        default = "" if required else " = dataclasses.field(default=None)"
        return f"{name}: {kind.annotation}{default}", (name,), required
    options: list[str] = []
    keys: tuple[str, ...] = (name,)
    match draw(st.integers(0, 9)):
        case 6:
            options.append(f"alias={name.title()!r}")
            keys = (name.title(), name)
        case 7:
            options.append(f"validation_alias=AliasChoices('{name}-a', 'b{name}')")
            keys = (f"{name}-a", f"b{name}", name)
        case 8:
            options.append(f"serialization_alias='out-{name}'")
        case 9:
            options.append(f"validation_alias='in_{name}'")
            keys = (f"in_{name}", name)
    if kind.constraints and draw(st.integers(0, 3)) == 3:
        options.append(draw(st.sampled_from(kind.constraints)))
    if draw(st.integers(0, 4)) == 4:
        options.append(draw(st.sampled_from(["title='T'", "description='d'", "examples=[1]"])))
    if not options:
        default = "" if required else f" = {kind.default}"
    else:
        default = f" = Field({', '.join([*([] if required else [kind.default]), *options])})"
    return f"{name}: {kind.annotation}{default}", keys, required


def value_kinds(depth: int = 1) -> st.SearchStrategy[Kind]:
    """Kinds that JSON can hold, nested `depth` models deep."""
    leaves = [scalars, scalars.map(optional), sequences, st.builds(_mapping, scalars)]
    if depth > 0:
        inner = body_models(depth)
        leaves += [inner, inner.map(optional), inner.map(_list)]
    return st.one_of(leaves)


def body_models(depth: int = 1) -> st.SearchStrategy[Kind]:
    """A model, a dataclass or a TypedDict, whose fields may be nested."""
    return st.one_of(
        models(flat=False, depth=depth),
        models(flat=False, depth=depth, style="dataclass"),
        models(flat=False, depth=depth, style="TypedDict"),
    )


def _mapping(item: Kind) -> Kind:
    values = st.dictionaries(words, item.values, max_size=3)
    return Kind(
        f"dict[str, {item.annotation}]", st.just(("x",)), values, "{}", sources=item.sources
    )


def _list(item: Kind) -> Kind:
    values = st.lists(item.values, max_size=3)
    return Kind(f"list[{item.annotation}]", st.just(("x",)), values, "[]", sources=item.sources)


def _root(item: Kind) -> Kind:
    body = f"root: {item.annotation}"
    name = named("Root", body)
    source = f"class {name}(RootModel[{item.annotation}]):\n    pass"
    return Kind(name, st.just(("x",)), item.values, sources=(*item.sources, source))


@st.composite
def discriminated(draw: st.DrawFn, *, flat: bool = False) -> Kind:
    """A union of two models that a literal field `kind` tells apart."""
    branches = []
    for tag in ("cat", "dog"):
        base = draw(models(flat=flat))
        body = f"kind: Literal[{tag!r}]"
        name = named(tag.title(), base.annotation)
        source = f"class {name}({base.annotation}):\n    {body}"
        values = base.values.map(lambda value, tag=tag: {**value, "kind": tag})
        literal = Kind(f"Literal[{tag!r}]", st.just((tag,)), st.just(tag))
        parts = (*base.parts, (("kind",), literal))
        branches.append(
            Kind(name, base.texts, values, sources=(*base.sources, source), parts=parts)
        )
    cat, dog = branches
    return Kind(
        f"Annotated[Union[{cat.annotation}, {dog.annotation}], Field(discriminator='kind')]",
        cat.texts,
        st.one_of(cat.values, dog.values),
        sources=cat.sources + dog.sources,
        parts=cat.parts + dog.parts,
    )


def _union(one: Kind, two: Kind) -> Kind:
    return Kind(
        f"Union[{one.annotation}, {two.annotation}]",
        one.texts,
        st.one_of(one.values, two.values),
        sources=one.sources + two.sources,
        parts=one.parts + two.parts,
    )


# What a whole JSON body may be.
bodies = st.one_of(
    body_models(2),
    body_models(2).map(optional),
    body_models(1).map(_list),
    scalars.map(_list),
    scalars.map(_mapping),
    body_models(1).map(_root),
    scalars.map(_list).map(_root),
    st.builds(_union, body_models(1), body_models(1)),
    st.builds(_union, body_models(1), scalars.map(_list)),
    discriminated(),
    st.sampled_from([SCALARS[0], SCALARS[1], SCALARS[18]]),
    st.just(Kind("dict", st.just(("x",)), st.just({"a": 1}))),
    st.just(Kind("list", st.just(("x",)), st.just([1]))),
)
